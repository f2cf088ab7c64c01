import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeOf, failureOf, messageOf, openLink, type Scope, until, within } from '@entropynet/conformance/tools';
import { type ConnectionConfig, unwrap } from '@entropynet/core';
import { ConnectionManager } from '@entropynet/manager';
import { SharedMemoryTransport } from '@entropynet/transport-shm';
import { WebSocketTransport } from '@entropynet/transport-ws';
import { freshName } from '../support/fresh-name.js';
import type { FaultPeerOptions } from './support/fault-peer.js';
import { addon, describeFaults, faultTest, linux, type Requirement, rounds, superuser } from './support/fault-test.js';
import { contextOf, ended, expectServing, ownFixture, ownProcess } from './support/processes.js';

const MIB = 1024 * 1024;

/** Version 1 of control groups, where a group for memory can be made. */
const memoryGroups: Requirement = () =>
  spawnSync('sh', ['-c', 'test -w /sys/fs/cgroup/memory/cgroup.procs']).status === 0
    ? undefined
    : 'no control group for memory can be made here';

const compiler: Requirement = () =>
  spawnSync('cc', ['--version']).status === 0 ? undefined : 'there is no C compiler';

/** A small file system of the test's own. */
function mountSmall(scope: Scope, options: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
  expect(mounted.status, String(mounted.stderr)).to.equal(0);
  scope.defer(() => {
    spawnSync('umount', ['-l', folder]);
    rmdirSync(folder);
  });
  return folder;
}

function configIn(directory: string): ConnectionConfig {
  return { endpoint: freshName(), sharedMemory: { directory } };
}

/** From here on, for Node.js needs more than that to start. */
function limitDescriptors(processId: number): void {
  const limited = spawnSync('prlimit', ['--pid', String(processId), '--nofile=48']);
  expect(limited.status, String(limited.stderr)).to.equal(0);
}

/** Room for Node.js, which takes a good gibibyte, and for a small region, but not for one of a gibibyte. */
const ADDRESS_SPACE = 1792 * MIB;

describeFaults('exhausted resources', () => {
  for (const [what, options, fill] of [
    ['has no room left', 'size=4k', true],
    ['has no file entry left', 'size=1m,nr_inodes=3', false],
  ] as const) {
    faultTest('R1', `the file system of the names ${what}`, [addon, superuser, linux], async ({ scope, saw }) => {
      const folder = mountSmall(scope, `${options},mode=700`);
      const filler = join(folder, 'filler');
      writeFileSync(filler, fill ? Buffer.alloc(4096) : '');
      const config = configIn(folder);
      const transport = new SharedMemoryTransport();
      const server = scope.add(transport.createServer(config));
      const refused = failureOf(await server.listen(), 'ResourceLimitExceeded');
      expect(refused.message)
        .to.match(/free, a server needs/)
        .and.include('file system is full');
      expect(readdirSync(folder)).to.deep.equal(['filler']);
      saw(refused.message.replaceAll(folder, '…'));
      rmSync(filler);
      unwrap(await server.listen());
      const accept = (): ReturnType<typeof server.accept> => server.accept();
      await expectServing(scope, ownFixture(scope), config, accept);
      await server.close();
    });
  }

  faultTest('R2', 'a server has no address space for a region', [addon, linux], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const config = fixture.freshConfig();
    const huge = { ...config, sharedMemory: { ...config.sharedMemory, regionSize: 1024 * MIB } };
    const host = await ownProcess(scope, fixture, { wrapper: ['prlimit', `--as=${ADDRESS_SPACE}`] });
    await host.actions.listen(huge);
    const client = scope.add(fixture.createTransport().createConnection(huge));
    const refused = failureOf(await client.connect(), 'ResourceLimitExceeded');
    const modest = scope.add(fixture.createTransport().createConnection(config));
    const accepted = host.actions.accept({ receive: [{}] });
    unwrap(await modest.connect());
    await accepted;
    unwrap(await modest.send(messageOf(1000, 1)));
    saw(`${refused.message}; a small region is served`);
  });

  faultTest('R2', 'a client has no address space for a region', [addon, linux], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const config = fixture.freshConfig();
    const huge = { ...config, sharedMemory: { ...config.sharedMemory, regionSize: 1024 * MIB } };
    const server = scope.add(fixture.createTransport().createServer(huge));
    unwrap(await server.listen());
    const host = await ownProcess(scope, fixture, { wrapper: ['prlimit', `--as=${ADDRESS_SPACE}`] });
    expect(await host.actions.connect(huge)).to.equal('ResourceLimitExceeded');
    expect(await host.actions.connect(config)).to.equal('ok');
    saw('ResourceLimitExceeded; a small region is mapped');
  });

  faultTest(
    'R2',
    "a peer is killed for its group's memory",
    [addon, superuser, memoryGroups],
    async ({ scope, saw }) => {
      const group = `/sys/fs/cgroup/memory/entropynet-test-${process.pid}`;
      mkdirSync(group);
      writeFileSync(join(group, 'memory.limit_in_bytes'), String(150 * MIB));
      const fixture = ownFixture(scope);
      const wrapper = ['sh', '-c', `echo $$ > ${group}/cgroup.procs; exec "$@"`, 'sh'] as const;
      const host = await ownProcess(scope, fixture, { wrapper });
      scope.defer(async () => {
        host.signal('SIGKILL');
        await host.ended;
        await until(() => {
          try {
            rmdirSync(group);
            return true;
          } catch {
            return false;
          }
        }, 'the group is empty');
      });
      const { local } = await openLink(contextOf(fixture, 'server'), scope, { host });
      const over = ended(local);
      // Pages count for the group whose process touches them first: the peer's prefault fills its group.
      const config = { ...fixture.freshConfig(), connectTimeoutMs: 20_000 };
      config.sharedMemory = { ...config.sharedMemory, regionSize: 512 * MIB, prefault: true };
      const server = scope.add(
        fixture
          .createTransport()
          .createServer({ ...config, sharedMemory: { ...config.sharedMemory, prefault: false } }),
      );
      unwrap(await server.listen());
      void host.actions.connect(config).catch(() => undefined);
      expect(await within(host.ended, 'the peer was killed')).to.equal('SIGKILL');
      expect(await within(over, 'the survivor saw the end')).to.include({ state: 'failed', code: 'PeerDied' });
      saw('PeerDied; this process and its server go on');
    },
  );

  faultTest('R3', 'a client has no descriptor left', [addon, linux], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const config = fixture.freshConfig();
    const server = scope.add(fixture.createTransport().createServer(config));
    unwrap(await server.listen());
    const host = await ownProcess(scope, fixture, {});
    limitDescriptors(await host.actions.processId());
    const outcomes: string[] = [];
    for (let count = 0; count < 60; count += 1) outcomes.push(await host.actions.connect(config));
    const refused = outcomes.filter((outcome) => outcome !== 'ok');
    expect(new Set(refused)).to.deep.equal(new Set(['ResourceLimitExceeded']));
    expect(outcomes[0]).to.equal('ok');
    await host.actions.reset();
    expect(await host.actions.connect(config)).to.equal('ok');
    saw(`${60 - refused.length} connections, then ResourceLimitExceeded; served again afterwards`);
  });

  faultTest('R3', 'a server has no descriptor left', [addon, linux], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const config = { ...fixture.freshConfig(), connectTimeoutMs: 1000 };
    const host = await ownProcess(scope, fixture, {});
    await host.actions.listen(config);
    limitDescriptors(await host.actions.processId());
    const outcomes = new Map<string, number>();
    const clients = Array.from({ length: 60 }, () => fixture.createTransport().createConnection(config));
    for (const client of clients) {
      scope.add(client);
      void host.actions.accept({ receive: [{}] }).catch(() => undefined);
      const outcome = codeOf(await client.connect());
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (outcomes.size > 1) break;
    }
    const refused = [...outcomes.keys()].filter((code) => code !== 'ok');
    expect(refused).to.have.length(1);
    expect(refused[0]).to.be.oneOf(['ResourceLimitExceeded', 'Timeout', 'HandshakeFailed']);
    await Promise.all(clients.map((client) => client.disconnect()));
    const next = scope.add(fixture.createTransport().createConnection({ ...config, connectTimeoutMs: 20_000 }));
    void host.actions.accept().catch(() => undefined);
    await until(async () => (await next.connect()).ok, 'the server serves again');
    saw(`${outcomes.get('ok')} connections, then ${refused[0]}; served again afterwards`);
  });

  faultTest('R3', 'connections come and go', [addon, linux], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const config = fixture.freshConfig();
    const server = scope.add(fixture.createTransport().createServer(config));
    unwrap(await server.listen());
    const count = rounds(500, 10_000);
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    for (let round = 0; round < count; round += 1) {
      const client = fixture.createTransport().createConnection(config);
      unwrap(await client.connect());
      const accepted = unwrap(await server.accept());
      accepted.startReceiving();
      await client.disconnect();
      await accepted.disconnect();
    }
    expect(descriptors()).to.be.at.most(before);
    saw(`${count} connections: ${descriptors() - before} descriptors more`);
  });

  describe('where shared memory is not available', () => {
    /** A server in a sandbox, and a client here that may fall back: what the client got, and why. */
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
      const server = scope.add(new SharedMemoryTransport().createServer(configIn(join(folder, 'inside'))));
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
});
