import { expect } from 'chai';
import { readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, failureOf, type Scope, until, within } from '@entropynet/conformance/tools';
import { type ConnectionConfig, unwrap } from '@entropynet/core';
import {
  inspectSharedMemory,
  removeLeftovers,
  SharedMemoryServer,
  SharedMemoryTransport,
} from '@entropynet/transport-shm';
import { NameClaim } from '@entropynet/transport-shm/internal/discovery/name-claim';
import { loadNativeBinding, type NativeBinding } from '@entropynet/transport-shm/internal/native-binding';
import { freshName } from '../support/fresh-name.js';
import { NO_PAUSE } from '../support/leave-out.js';
import { addon, describeFaults, faultTest } from './support/fault-test.js';
import { expectServing, ownFixture, ownProcess } from './support/processes.js';
import { ownFolder } from './support/own-folder.js';
import { worldOf, type World } from './support/world.js';

async function listening(scope: Scope, config: ConnectionConfig): Promise<SharedMemoryServer> {
  const server = scope.add(new SharedMemoryServer(config));
  unwrap(await server.listen());
  return server;
}

/** This binding, whose `connect` fails with an error of the system. */
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
    // A server that runs makes its lost names again, and may be the first to do so.
    if (NO_PAUSE === undefined) first.signal('SIGSTOP');
    rmSync(world.directory, { recursive: true });
    const second = await listening(scope, world.config);
    if (NO_PAUSE === undefined) first.signal('SIGCONT');
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
    // A link in the place of the region hides whether the server lives.
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
});
