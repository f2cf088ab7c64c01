import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeOf, failureOf, messageOf, type Scope, until, within } from '@entropynet/conformance/tools';
import { type ConnectionConfig, unwrap } from '@entropynet/core';
import {
  inspectSharedMemory,
  removeLeftovers,
  SharedMemoryServer,
  SharedMemoryTransport,
} from '@entropynet/transport-shm';
import { NameClaim } from '@entropynet/transport-shm/internal/discovery/name-claim';
import { serverNames } from '@entropynet/transport-shm/internal/discovery/names';
import { loadNativeBinding, type NativeBinding } from '@entropynet/transport-shm/internal/native-binding';
import { freshName } from '../support/fresh-name.js';
import { addon, describeFaults, faultTest, linux, superuser } from './support/fault-test.js';
import { expectServing, ownFixture, ownProcess } from './support/processes.js';

/** A user without privileges. */
const OTHER_USER = 65_534;

interface World {
  readonly config: ConnectionConfig;
  readonly directory: string;
  readonly names: ReturnType<typeof serverNames>;
  readonly fixture: ReturnType<typeof ownFixture>;
}

function worldOf(scope: Scope): World {
  const fixture = ownFixture(scope);
  const config = fixture.freshConfig();
  const directory = config.sharedMemory!.directory!;
  return { fixture, config, directory, names: serverNames(directory, config.endpoint) };
}

async function listening(scope: Scope, config: ConnectionConfig): Promise<SharedMemoryServer> {
  const server = scope.add(new SharedMemoryServer(config));
  unwrap(await server.listen());
  return server;
}

/** A folder of the test's own. */
function ownFolder(scope: Scope): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'entropynet-')));
  scope.defer(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** This binding, with a question about a socket answered by that error of the system. */
function cannotAsk(binding: NativeBinding, code: string): NativeBinding {
  const connect = (): never => {
    throw Object.assign(new Error(`${code}: as the test says`), { code });
  };
  return { ...binding, LocalSocket: { listen: binding.LocalSocket.listen.bind(binding.LocalSocket), connect } };
}

describeFaults('lost names', () => {
  const REMOVALS: Readonly<Record<string, (world: World) => void>> = {
    'the region': ({ names }) => {
      rmSync(names.region);
    },
    'the socket': ({ names }) => {
      rmSync(names.socket);
    },
    'both names': ({ names }) => {
      rmSync(names.region);
      rmSync(names.socket);
    },
    'the directory': ({ directory }) => {
      rmSync(directory, { recursive: true });
    },
  };
  for (const [what, remove] of Object.entries(REMOVALS)) {
    faultTest('F18', `a cleaner removes ${what}`, [addon], async ({ scope, saw }) => {
      const world = worldOf(scope);
      const server = await listening(scope, world.config);
      remove(world);
      const client = scope.add(world.fixture.createTransport().createConnection(world.config));
      let last = 'ok';
      await until(async () => {
        const connected = await client.connect();
        if (!connected.ok) last = connected.error.message;
        return connected.ok;
      }, 'the server is found again');
      scope.add(unwrap(await server.accept()));
      await expectServing(scope, world.fixture, world.config, () => server.accept());
      await server.close();
      expect(readdirSync(world.directory)).to.deep.equal([]);
      saw(last === 'ok' ? 'found again' : `found again; meanwhile: ${last.replace(world.directory, '…')}`);
    });
  }

  faultTest('F18', 'the region is missing beside a living socket', [addon], async ({ scope, saw }) => {
    const world = worldOf(scope);
    await listening(scope, world.config);
    rmSync(world.names.region);
    const second = scope.add(new SharedMemoryServer(world.config));
    const refused = failureOf(await second.listen(), 'AddressInUse');
    expect(refused.message).to.include(`process ${process.pid}`);
    saw(`a second server hears ${refused.message.replace(world.directory, '…')}`);
  });

  faultTest('F19', 'a server closes after another server took its name', [addon], async ({ scope, saw }) => {
    const world = worldOf(scope);
    const first = await listening(scope, world.config);
    rmSync(world.directory, { recursive: true });
    const second = await listening(scope, world.config);
    await first.close();
    await expectServing(scope, world.fixture, world.config, () => second.accept());
    expect(readdirSync(world.directory)).to.have.length(2);
    saw("the second's names stay, and it serves");
  });

  faultTest('F19', 'a process exits after another server took its name', [addon], async ({ scope }) => {
    const world = worldOf(scope);
    const first = await ownProcess(scope, world.fixture, {});
    await first.actions.listen(world.config);
    rmSync(world.directory, { recursive: true });
    const second = await listening(scope, world.config);
    void first.actions.end('exit').catch(() => undefined);
    await within(first.ended, 'the first process has exited');
    await expectServing(scope, world.fixture, world.config, () => second.accept());
    expect(readdirSync(world.directory)).to.have.length(2);
  });

  for (const code of ['EMFILE', 'EACCES', 'EINTR']) {
    faultTest('F20', `the system returns ${code} to a second server`, [addon], async ({ scope, saw }) => {
      const world = worldOf(scope);
      const living = await listening(scope, world.config);
      const before = readdirSync(world.directory);
      const binding = cannotAsk(unwrap(loadNativeBinding()), code);
      const name = world.config.endpoint;
      const options = { binding, directory: world.directory, name, shown: name, maxConnections: 1, timeoutMs: 1000 };
      const refused = await NameClaim.take(options);
      expect(refused.ok ? 'ok' : refused.error.message).to.include(code);
      expect(readdirSync(world.directory)).to.deep.equal(before);
      await expectServing(scope, world.fixture, world.config, () => living.accept());
      saw(`${codeOf(refused)}; the living server serves`);
    });
  }

  faultTest('F20', "a clean-up finds the names of a server that can't be asked", [addon], async ({ scope }) => {
    const world = worldOf(scope);
    const living = await listening(scope, world.config);
    const kept = unwrap(await removeLeftovers({ directory: world.directory }));
    expect(kept).to.include({ living: 1, directoryExists: true }).and.have.property('removed').that.deep.equals([]);
    await living.close();
    // Where a link is in the region's place, nobody can tell whether its server lives.
    symlinkSync('/etc/hostname', world.names.region);
    const unknown = unwrap(await removeLeftovers({ directory: world.directory }));
    expect(unknown.removed).to.deep.equal([]);
    expect(unknown.failed.map(({ path }) => path)).to.deep.equal([world.names.region]);
    expect(readdirSync(world.directory)).to.have.length(1);
  });

  faultTest('F21', 'a relative directory, then another working directory', [addon], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const folder = ownFolder(scope);
    const before = process.cwd();
    scope.defer(() => {
      process.chdir(before);
    });
    process.chdir(folder);
    const config = { endpoint: freshName(), sharedMemory: { directory: 'run' } };
    const server = scope.add(new SharedMemoryServer(config));
    const client = scope.add(new SharedMemoryTransport().createConnection(config));
    process.chdir(before);
    unwrap(await server.listen());
    unwrap(await client.connect());
    unwrap(await server.accept()).startReceiving();
    await client.disconnect();
    await expectServing(scope, fixture, { ...config, sharedMemory: { directory: join(folder, 'run') } }, () =>
      server.accept(),
    );
    await server.close();
    expect(readdirSync(join(folder, 'run'))).to.deep.equal([]);
    saw('both sides keep to the first; nothing is left');
  });

  faultTest('F22', 'a server is closed and listens again at once', [addon], async ({ scope }) => {
    const world = worldOf(scope);
    const server = await listening(scope, world.config);
    const closing = server.close();
    unwrap(await server.listen());
    unwrap(await closing);
    expect(server.isListening()).to.equal(true);
    await expectServing(scope, world.fixture, world.config, () => server.accept());
  });

  faultTest('F23', 'there is no such server, or no such directory', [addon], async ({ scope, saw }) => {
    const world = worldOf(scope);
    const nowhere = join(world.directory, 'nowhere');
    for (const directory of [world.directory, nowhere]) {
      const config = { ...world.config, sharedMemory: { directory } };
      const client = scope.add(world.fixture.createTransport().createConnection(config));
      const refused = failureOf(await client.connect(), 'TransportUnavailable');
      expect(refused.message).to.include(`the directory ${directory}`).and.include('XDG_RUNTIME_DIR');
      saw(refused.message.replaceAll(world.directory, '…'));
    }
    const cleaned = unwrap(await removeLeftovers({ directory: nowhere }));
    expect(cleaned).to.deep.equal({ directory: nowhere, directoryExists: false, removed: [], living: 0, failed: [] });
    if (process.platform === 'linux') {
      expect(unwrap(inspectSharedMemory({ directory: nowhere }))).to.include({ directoryExists: false });
      expect(unwrap(inspectSharedMemory({ directory: world.directory }))).to.include({ directoryExists: true });
    }
  });

  faultTest('F23', 'the server is in the directory of another environment', [addon], async ({ scope, saw }) => {
    const folder = ownFolder(scope);
    const before = process.env['XDG_RUNTIME_DIR'];
    scope.defer(() => {
      if (before === undefined) delete process.env['XDG_RUNTIME_DIR'];
      else process.env['XDG_RUNTIME_DIR'] = before;
    });
    process.env['XDG_RUNTIME_DIR'] = folder;
    const endpoint = freshName();
    await listening(scope, { endpoint });
    const other = ownFolder(scope);
    const client = scope.add(
      new SharedMemoryTransport().createConnection({ endpoint, sharedMemory: { directory: other } }),
    );
    const refused = failureOf(await client.connect(), 'TransportUnavailable');
    expect(refused.message)
      .to.include(other)
      .and.include(`there is one in ${join(folder, 'entropynet')}`);
    saw(refused.message.replace(other, '…').replace(folder, '…'));
  });

  faultTest('R7', 'an idle server can not accept', [addon, linux], async ({ scope, saw }) => {
    const world = worldOf(scope);
    const program = fileURLToPath(new URL('./support/idle-server-program.js', import.meta.url));
    const { endpoint } = world.config;
    const child = spawn('prlimit', ['--nofile=512', process.execPath, program, endpoint, world.directory], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exited = once(child, 'exit');
    scope.defer(async () => {
      child.kill('SIGKILL');
      await exited;
    });
    let output = '';
    let warnings = '';
    child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
    child.stderr.on('data', (bytes: Buffer) => (warnings += bytes.toString()));
    await until(() => output.includes('full'), 'the server has no descriptor left');
    const config = { ...world.config, connectTimeoutMs: 1000 };
    const client = scope.add(world.fixture.createTransport().createConnection(config));
    expect(codeOf(await client.connect())).to.equal('Timeout');
    expect(warnings).to.include("can't accept").and.include('EMFILE').and.include('ulimit -n');
    expect(warnings.match(/can't accept/g)).to.have.length(1);
    child.kill('SIGUSR2');
    const next = scope.add(world.fixture.createTransport().createConnection(world.config));
    unwrap(await next.connect());
    const echoed = new Promise<Uint8Array>((resolve) => {
      next.setMessageCallback(resolve);
    });
    unwrap(await next.send(messageOf(1000, 3)));
    expect(await within(echoed, 'the server serves again')).to.deep.equal(messageOf(1000, 3));
    saw('one warning; it lives, and serves when descriptors are free');
  });

  faultTest('R8', 'a process may not create a large file', [addon, linux], async ({ scope, saw }) => {
    const world = worldOf(scope);
    const host = await ownProcess(scope, world.fixture, { wrapper: ['prlimit', '--fsize=1048576'] });
    await host.actions.listen(world.config);
    const client = scope.add(world.fixture.createTransport().createConnection(world.config));
    const refused = failureOf(await client.connect(), 'ResourceLimitExceeded');
    expect(refused.message).to.include('EFBIG').and.include('ulimit -f');
    saw(refused.message);
  });

  faultTest('R9', 'the umask takes rights from the owner', [addon, superuser, linux], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    for (const umask of ['0177', '0777']) {
      const folder = ownFolder(scope);
      chownSync(folder, OTHER_USER, OTHER_USER);
      const config = { ...fixture.freshConfig(), sharedMemory: { directory: join(folder, 'made', 'here') } };
      const asUser = ['setpriv', `--reuid=${OTHER_USER}`, `--regid=${OTHER_USER}`, '--clear-groups'] as const;
      const script = `umask ${umask}; exec "$@"`;
      const server = await ownProcess(scope, fixture, { wrapper: [...asUser, 'sh', '-c', script, 'sh'] });
      expect(await server.actions.listen(config)).to.equal(`shm://${config.endpoint}`);
      const client = await ownProcess(scope, fixture, { wrapper: [...asUser] });
      const accepted = server.actions.accept({ receive: [{}] });
      expect(await client.actions.connect(config)).to.equal('ok');
      await accepted;
      for (const path of [join(folder, 'made'), join(folder, 'made', 'here')])
        expect(statSync(path).mode & 0o777, path).to.equal(0o700);
      await server.actions.reset();
    }
    saw('directory 700, names 600: served');
  });

  faultTest('R10', 'the directory is below /proc', [addon, linux], async ({ scope, saw }) => {
    const directory = '/proc/entropynet/inside';
    const server = scope.add(new SharedMemoryServer({ endpoint: freshName(), sharedMemory: { directory } }));
    const refused = failureOf(await server.listen(), 'SharedMemoryPermission');
    expect(refused.message).to.include(directory);
    saw(refused.message);
  });

  faultTest(
    'R10',
    'this user owns the directory and has no access',
    [addon, superuser, linux],
    async ({ scope, saw }) => {
      const fixture = ownFixture(scope);
      const folder = ownFolder(scope);
      chownSync(folder, OTHER_USER, OTHER_USER);
      chmodSync(folder, 0o600);
      const wrapper = ['setpriv', `--reuid=${OTHER_USER}`, `--regid=${OTHER_USER}`, '--clear-groups'] as const;
      const host = await ownProcess(scope, fixture, { wrapper });
      const outcome = await host.actions
        .listen({ endpoint: freshName(), sharedMemory: { directory: folder } })
        .catch(String);
      expect(outcome).to.include(folder).and.include('chmod 700');
      saw(outcome.replace(folder, '…'));
    },
  );

  faultTest('R11', 'there is no /proc', [addon, superuser, linux], async ({ scope, saw }) => {
    const world = worldOf(scope);
    const wrapper = ['unshare', '-m', 'sh', '-c', 'umount -l /proc; exec "$@"', 'sh'] as const;
    const host = await ownProcess(scope, world.fixture, { wrapper });
    expect(await host.actions.listen(world.config)).to.equal(`shm://${world.config.endpoint}`);
    const accepted = host.actions.accept({ receive: [{}] });
    const client = scope.add(world.fixture.createTransport().createConnection(world.config));
    unwrap(await client.connect());
    await accepted;
    saw('works: only people read what it would have said');
  });
});
