import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failureOf, messageOf, openLink, type Scope, within } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { SharedMemoryServer, SharedMemoryTransport } from '@entropynet/transport-shm';
import { freshName } from '../support/fresh-name.js';
import { addon, describeFaults, faultTest, linux, type Requirement, superuser } from './support/fault-test.js';
import { contextOf, ended, ownFixture, ownProcess } from './support/processes.js';
import { ConnectionManager } from '@entropynet/manager';
import { WebSocketTransport } from '@entropynet/transport-ws';
import type { FaultPeerOptions } from './support/fault-peer.js';
import { asOtherUser, giveToOtherUser } from './support/other-user.js';
import { worldOf } from './support/world.js';
import { ownFolder } from './support/own-folder.js';
import { mountSmall } from './support/small-file-system.js';

const compiler: Requirement = () =>
  spawnSync('cc', ['--version']).status === 0 ? undefined : 'there is no C compiler';

describeFaults('the surroundings of a process', () => {
  describe('without shared memory', () => {
    /** Connects to a server in a sandbox with a fallback. Returns the reason why shared memory was passed over. */
    const expectFallback = async (scope: Scope, options: FaultPeerOptions, reason: RegExp): Promise<string> => {
      const shared = ownFixture(scope);
      const config = shared.freshConfig();
      const sandboxed = await ownProcess(scope, shared, options);
      const outside = scope.add(new WebSocketTransport().createServer({ endpoint: 'ws://127.0.0.1:0' }));
      unwrap(await outside.listen());
      const listening = await sandboxed.actions.listen(config).catch(String);
      const lines: string[] = [];
      const transports = [new SharedMemoryTransport(), new WebSocketTransport()];
      const manager = new ConnectionManager(transports, { log: (line) => lines.push(line) });
      scope.defer(() => manager.closeAll());
      const { backend, ...rest } = config;
      expect(backend).to.equal('shared-memory');
      const handle = unwrap(manager.openConnection({ ...rest, fallback: [outside.address()!] }));
      unwrap(await handle.connect());
      expect(handle.getSelection()?.backend).to.equal('websocket');
      expect(`${lines.join()} ${listening}`).to.match(reason);
      return handle.getSelection()?.passedOver[0]?.reason ?? '';
    };

    faultTest('R6', 'a sandbox forbids memory files', [addon, linux, compiler], async ({ scope, saw }) => {
      const folder = mkdtempSync(join(tmpdir(), 'entropynet-'));
      scope.defer(() => {
        rmSync(folder, { recursive: true });
      });
      const program = join(folder, 'without-memory-files');
      const source = fileURLToPath(new URL('../../native/without-memory-files.c', import.meta.url));
      const compiled = spawnSync('cc', ['-Wall', '-Wextra', '-Werror', '-o', program, source], { encoding: 'utf8' });
      expect(compiled.status, compiled.stderr).to.equal(0);
      saw(await expectFallback(scope, { wrapper: [program] }, /a region of \d+ bytes could not be created.*sandbox/));
    });

    faultTest('R6', 'the folder of the names is read-only', [addon, superuser, linux], async ({ scope, saw }) => {
      const folder = mountSmall(scope, 'size=64k,mode=700');
      spawnSync('mount', ['-o', 'remount,ro', folder]);
      const config = { endpoint: freshName(), sharedMemory: { directory: join(folder, 'inside') } };
      const server = scope.add(new SharedMemoryTransport().createServer(config));
      const refused = failureOf(await server.listen(), 'SharedMemoryPermission');
      expect(refused.message).to.include('read-only').and.include('sharedMemory.directory');
      saw(refused.message.replaceAll(folder, '…'));
    });

    faultTest('R6', 'there is no /dev/shm', [addon, superuser, linux], async ({ scope, saw }) => {
      const fixture = ownFixture(scope);
      const wrapper = ['unshare', '-m', 'sh', '-c', 'umount -l /dev/shm; exec "$@"', 'sh'] as const;
      const host = await ownProcess(scope, fixture, { wrapper });
      const { local } = await openLink(contextOf(fixture, 'client'), scope, { host });
      unwrap(await local.send(messageOf(100_000, 1)));
      saw('works: a region is a memory file and has no name');
    });
  });

  faultTest(
    'L6',
    'the two sides are in different process, network and IPC namespaces',
    [addon, superuser, linux],
    async ({ scope, saw }) => {
      const fixture = ownFixture(scope);
      const wrapper = ['unshare', '--pid', '--net', '--ipc', '--fork', '--kill-child', '--mount-proc'] as const;
      for (const side of ['server', 'client'] as const) {
        const host = await ownProcess(scope, fixture, { wrapper });
        expect(await host.actions.processId()).to.equal(1);
        const { local } = await openLink(contextOf(fixture, side), scope, { host, peer: { receive: [{}] } });
        unwrap(await local.send(messageOf(100_000, 1)));
        const over = ended(local);
        host.signal('SIGKILL');
        expect(await within(over, 'the survivor saw the end')).to.include({ state: 'failed', code: 'PeerDied' });
      }
      saw('works both ways; a death is seen');
    },
  );

  faultTest(
    'L6',
    'the two sides see different folders under one name',
    [addon, superuser, linux],
    async ({ scope, saw }) => {
      const fixture = ownFixture(scope);
      const config = fixture.freshConfig();
      const directory = config.sharedMemory!.directory!;
      const server = scope.add(fixture.createTransport().createServer(config));
      unwrap(await server.listen());
      const script = `mount -t tmpfs -o mode=700 tmpfs ${directory}; exec "$@"`;
      const host = await ownProcess(scope, fixture, { wrapper: ['unshare', '-m', 'sh', '-c', script, 'sh'] });
      expect(await host.actions.connect(config)).to.equal('TransportUnavailable');
      expect(await host.actions.listen(config)).to.equal(`shm://${config.endpoint}`);
      expect(statSync(directory).isDirectory()).to.equal(true);
      saw('TransportUnavailable: no server of that name there');
    },
  );

  faultTest('R9', 'the umask takes rights from the owner', [addon, superuser, linux], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    for (const umask of ['0177', '0777']) {
      const folder = ownFolder(scope);
      giveToOtherUser(folder);
      const config = { ...fixture.freshConfig(), sharedMemory: { directory: join(folder, 'made', 'here') } };
      const script = `umask ${umask}; exec "$@"`;
      const server = await ownProcess(scope, fixture, asOtherUser('sh', '-c', script, 'sh'));
      expect(await server.actions.listen(config)).to.equal(`shm://${config.endpoint}`);
      const client = await ownProcess(scope, fixture, asOtherUser());
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
      giveToOtherUser(folder);
      chmodSync(folder, 0o600);
      const host = await ownProcess(scope, fixture, asOtherUser());
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
