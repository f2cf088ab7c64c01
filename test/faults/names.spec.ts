import { expect } from 'chai';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, failureOf, messageOf, type PeerHost, until, within } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { publishDiscoveryRegion } from '@entropynet/transport-shm/internal/discovery/discovery-region';
import { serverNames } from '@entropynet/transport-shm/internal/discovery/names';
import { addon, describeFaults, faultTest, linux, pause, rounds, superuser } from './support/fault-test.js';
import { ended, expectServing, ownFixture, ownProcess } from './support/processes.js';
import { expectTaken, worldOf } from './support/world.js';

describeFaults('names', () => {
  faultTest(
    ['F4', 'R4'],
    'a server is killed and started again, and its clients connect before and after',
    [addon],
    async ({ scope, saw }) => {
      const world = worldOf(scope);
      const { fixture, config } = world;
      const clients = Array.from({ length: 4 }, () => scope.add(fixture.createTransport().createConnection(config)));
      const count = rounds(5, 200);
      for (let round = 0; round < count; round += 1) {
        const victim = await ownProcess(scope, fixture, {});
        await victim.actions.listen(config);
        for (const client of clients) {
          unwrap(await client.connect());
          unwrap(await client.send(messageOf(100, 1)));
        }
        const ends = Promise.all(clients.map(ended));
        victim.signal('SIGKILL');
        await victim.ended;
        for (const end of await within(ends, 'every client saw the end'))
          expect(end).to.include({ state: 'failed', code: 'PeerDied' });
        // The killed server leaves a name that nobody serves.
        for (const client of clients) expect(codeOf(await client.connect())).to.equal('TransportUnavailable');
      }
      await expectTaken(scope, world);
      expect(readdirSync(world.directory)).to.deep.equal([]);
      saw(`${count} servers, ${clients.length} clients of each, no name left`);
    },
  );

  faultTest('F4', 'a server is killed and started again while a client connects', [addon, pause], async ({ scope }) => {
    const world = worldOf(scope);
    const { fixture, config } = world;
    const victim = await ownProcess(scope, fixture, {});
    await victim.actions.listen(config);
    const client = await ownProcess(scope, fixture);
    await client.actions.armStep({ name: 'connect: socket open', does: 'stop' });
    const processId = await client.actions.processId();
    const connecting = client.actions.connect(config);
    await until(() => stateOf(processId) === 'T', 'the client is stopped');
    victim.signal('SIGKILL');
    await victim.ended;
    const next = scope.add(fixture.createTransport().createServer(config));
    unwrap(await next.listen());
    client.signal('SIGCONT');
    expect(await connecting).to.equal('PeerDied');
    await expectServing(scope, fixture, config, () => next.accept());
  });

  faultTest('F5', 'several servers start with one name at the same moment', [addon], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const racers: PeerHost[] = [];
    for (let count = 0; count < 4; count += 1) racers.push(await ownProcess(scope, fixture, {}));
    const count = rounds(25, 500);
    for (let round = 0; round < count; round += 1) {
      const config = fixture.freshConfig();
      const attempts = await Promise.all(racers.map((racer) => racer.actions.listen(config).catch(String)));
      const winners = attempts.filter((attempt) => attempt.startsWith('shm://'));
      expect(winners, attempts.join('; ')).to.have.length(1);
      for (const attempt of attempts)
        if (!attempt.startsWith('shm://')) expect(attempt).to.include('is running already');
      const client = scope.add(fixture.createTransport().createConnection(config));
      unwrap(await client.connect());
      await client.disconnect();
      await Promise.all(racers.map((racer) => racer.actions.reset()));
    }
    expect(await fixture.leftovers?.()).to.deep.equal([]);
    saw(`${count} races of ${racers.length}: one winner each`);
  });

  faultTest('H11', 'hundreds of clients connect at the same moment', [addon], async ({ scope, saw }) => {
    const world = worldOf(scope);
    const config = { ...world.config, connectTimeoutMs: 20_000 };
    const server = scope.add(world.fixture.createTransport().createServer(config));
    unwrap(await server.listen());
    const clients = Array.from({ length: 500 }, () =>
      scope.add(world.fixture.createTransport().createConnection(config)),
    );
    const outcomes = await Promise.all(clients.map((client) => client.connect()));
    expect(outcomes.filter(({ ok }) => ok)).to.have.length(500);
    for (let count = 0; count < 500; count += 1) scope.add(unwrap(await server.accept())).startReceiving();
    saw('500 of 500 are served, though fewer fit the queue');
  });

  faultTest(
    'F6',
    'a server is stopped after it found a dead one and before it removed its names',
    [addon],
    async ({ scope, saw }) => {
      const world = worldOf(scope);
      const { fixture, config } = world;
      const dead = await ownProcess(scope, fixture, {});
      await dead.actions.listen(config);
      dead.signal('SIGKILL');
      await dead.ended;
      const slow = await ownProcess(scope, fixture);
      await slow.actions.armStep({ name: 'listen: nobody answers', does: 'stop' });
      const processId = await slow.actions.processId();
      const listening = slow.actions.listen(config).catch(String);
      await until(() => stateOf(processId) === 'T', 'the slow server is stopped');
      // Meanwhile no other server may remove the name, which may belong to the slow server.
      const quick = scope.add(fixture.createTransport().createServer({ ...config, connectTimeoutMs: 200 }));
      const refused = failureOf(await quick.listen(), 'Timeout');
      expect(refused.message).to.include('locked by another process');
      slow.signal('SIGCONT');
      expect(await listening).to.equal(`shm://${config.endpoint}`);
      expect(codeOf(await quick.listen())).to.equal('AddressInUse');
      saw('the second server waits for the lock, then AddressInUse');
    },
  );

  faultTest('F6', 'a server is killed while it has the lock', [addon], async ({ scope }) => {
    const world = worldOf(scope);
    const slow = await ownProcess(scope, world.fixture);
    await slow.actions.armStep({ name: 'listen: nobody answers', does: 'stop' });
    const processId = await slow.actions.processId();
    void slow.actions.listen(world.config).catch(String);
    await until(() => stateOf(processId) === 'T', 'the slow server is stopped');
    slow.signal('SIGKILL');
    await slow.ended;
    await expectTaken(scope, world);
  });

  faultTest('F8', "the id in a dead server's region is that of a living process", [addon], async ({ scope }) => {
    const world = worldOf(scope);
    const dead = await ownProcess(scope, world.fixture, {});
    await dead.actions.listen(world.config);
    dead.signal('SIGKILL');
    await dead.ended;
    const identity = { nonce: new Uint8Array(16), processId: process.pid, startTime: 1n, maxConnections: 5 };
    publishDiscoveryRegion(world.names.region, identity);
    const client = scope.add(world.fixture.createTransport().createConnection(world.config));
    expect(codeOf(await client.connect())).to.equal('TransportUnavailable');
    await expectTaken(scope, world);
  });

  faultTest('R4', 'a thousand servers and clients are killed', [addon], async ({ scope, saw }) => {
    const world = worldOf(scope);
    const { fixture } = world;
    const count = rounds(3, 500);
    const killOne = async (): Promise<void> => {
      const [server, client] = await Promise.all([ownProcess(scope, fixture, {}), ownProcess(scope, fixture, {})]);
      const config = fixture.freshConfig();
      await server.actions.listen(config);
      const accepted = server.actions.accept();
      expect(await client.actions.connect(config)).to.equal('ok');
      await accepted;
      await client.actions.send({ lengths: [100], count: 5 });
      for (const victim of [server, client]) victim.signal('SIGKILL');
      await Promise.all([server.ended, client.ended]);
      // The names stay until another server takes them. That is the next one here.
      await expectTaken(scope, { ...world, config, names: serverNames(world.directory, config.endpoint) });
    };
    for (let round = 0; round < count; round += 1) await killOne();
    const left = readdirSync(world.directory);
    expect(left).to.deep.equal([]);
    saw(`${2 * count} SIGKILLs, ${left.length} names left`);
  });

  faultTest('R5', 'a name that can not be removed', [addon, superuser, linux], async ({ scope, saw }) => {
    const world = worldOf(scope);
    mkdirSync(world.names.socket);
    writeFileSync(join(world.names.socket, 'something'), '');
    const server = scope.add(world.fixture.createTransport().createServer(world.config));
    const refused = failureOf(await server.listen(), 'SharedMemoryPermission');
    expect(refused.message).to.include(world.names.socket);
    saw(refused.message.replace(world.directory, '…'));
    rmSync(world.names.socket, { recursive: true });
    await expectTaken(scope, world);
  });

  const NAMES: readonly [string, string][] = [
    ['a path', '../../etc/passwd'],
    ['a slash', '/'],
    ['a hundred characters', 'n'.repeat(100)],
    ['letters of other scripts', 'Ünïcödé-名前-🚀'],
    ['a Windows prefix', 'Global\\name'],
    ['a Windows device', 'con'],
    ['an object property', '__proto__'],
    ['blanks', ' a  b '],
  ];
  for (const [what, name] of NAMES) {
    faultTest('H15', `a server's name is ${what}`, [addon], async ({ scope, saw }) => {
      const world = worldOf(scope);
      const config = { ...world.config, endpoint: name };
      const server = scope.add(world.fixture.createTransport().createServer(config));
      const listening = await server.listen();
      if (listening.ok) {
        for (const file of readdirSync(world.directory)) expect(file).to.match(/^[0-9a-f]{24}\.(region|socket)$/);
        await expectServing(scope, world.fixture, config, () => server.accept());
        saw('served; its files are hashes of 24 digits');
      } else {
        expect(listening.error.code).to.equal('InvalidParameter');
        saw(listening.error.message);
      }
    });
  }

  for (const name of ['', 'with\0zero', 'n'.repeat(100_000)]) {
    faultTest('H15', `a server's name is ${JSON.stringify(name.slice(0, 12))}`, [], async ({ scope, saw }) => {
      const { fixture } = worldOf(scope);
      const make = (): unknown => fixture.createTransport().createServer({ ...fixture.freshConfig(), endpoint: name });
      expect(make).to.throw().with.property('code', 'InvalidParameter');
      saw('InvalidParameter');
      return Promise.resolve();
    });
  }
});

/** Returns the state of a process, such as R, S or T. */
function stateOf(processId: number): string {
  return /\) (\S)/.exec(readFileSync(`/proc/${processId}/stat`, 'utf8'))?.[1] ?? '?';
}
