import { expect } from 'chai';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeOf, failureOf, messageOf, openLink, until, within } from '@entropynet/conformance/tools';
import { type ConnectionConfig, unwrap } from '@entropynet/core';
import { SharedMemoryTransport } from '@entropynet/transport-shm';
import { freshName } from '../support/fresh-name.js';
import { addon, describeFaults, faultTest, linux, type Requirement, rounds, superuser } from './support/fault-test.js';
import { contextOf, ended, expectServing, ownFixture, ownProcess } from './support/processes.js';
import { once } from 'node:events';
import { worldOf } from './support/world.js';
import { mountSmall } from './support/small-file-system.js';

const MIB = 1024 * 1024;

/** Version 1 of control groups, in which this process can make a group for memory. */
const memoryGroups: Requirement = () =>
  spawnSync('sh', ['-c', 'test -w /sys/fs/cgroup/memory/cgroup.procs']).status === 0
    ? undefined
    : 'no control group for memory can be made here';

function configIn(directory: string): ConnectionConfig {
  return { endpoint: freshName(), sharedMemory: { directory } };
}

/** Limits the descriptors of a running process. Node.js needs more to start. */
function limitDescriptors(processId: number): void {
  const limited = spawnSync('prlimit', ['--pid', String(processId), '--nofile=48']);
  expect(limited.status, String(limited.stderr)).to.equal(0);
}

/** Room for Node.js, which takes more than a gibibyte, and for a small region, but not for a region of a gibibyte. */
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
    // Each connection takes one descriptor, so the last client still gets a socket, and the reason through it.
    expect([...outcomes.keys()]).to.deep.equal(['ok', 'ResourceLimitExceeded']);
    await Promise.all(clients.map((client) => client.disconnect()));
    const next = scope.add(fixture.createTransport().createConnection({ ...config, connectTimeoutMs: 20_000 }));
    void host.actions.accept().catch(() => undefined);
    await until(async () => (await next.connect()).ok, 'the server serves again');
    saw(`${outcomes.get('ok')} connections, then ResourceLimitExceeded; served again afterwards`);
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
});
