import { expect } from 'chai';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { codeOf, failureOf, messageOf, type PeerHost, type Scope, until, within } from '@entropynet/conformance/tools';
import { type ConnectionConfig, unwrap } from '@entropynet/core';
import type { TransportFixture } from '@entropynet/conformance';
import {
  encodeServerIdentity,
  publishDiscoveryRegion,
} from '@entropynet/transport-shm/internal/discovery/discovery-region';
import { serverNames } from '@entropynet/transport-shm/internal/discovery/names';
import { freshName } from '../support/fresh-name.js';
import { addon, describeFaults, faultTest, linux, rounds, superuser } from './support/fault-test.js';
import { expectServing, ownFixture, ownProcess } from './support/processes.js';

/** A user that is not this one; the number is Debian's `nobody`, but any would do. */
const OTHER_USER = 65_534;

interface World {
  readonly fixture: TransportFixture;
  readonly config: ConnectionConfig;
  readonly directory: string;
  readonly names: ReturnType<typeof serverNames>;
}

function worldOf(scope: Scope): World {
  const fixture = ownFixture(scope);
  const config = fixture.freshConfig();
  const directory = config.sharedMemory!.directory!;
  return { fixture, config, directory, names: serverNames(directory, config.endpoint) };
}

/** A server of this process takes the name and serves. */
async function expectTaken(scope: Scope, { fixture, config }: World): Promise<void> {
  const server = fixture.createTransport().createServer(config);
  scope.add(server);
  unwrap(await server.listen());
  await expectServing(scope, fixture, config, () => server.accept());
  await server.close();
}

describeFaults('names', () => {
  faultTest(
    ['F4', 'R4'],
    'a server is killed and started again, with clients all the while',
    [addon],
    async (context) => {
      const { scope } = context;
      const world = worldOf(scope);
      const { fixture, config } = world;
      const count = rounds(10, 200);
      let isOver = false;
      let served = 0;
      const refusals = new Map<string, number>();
      // Clients that connect, send, and connect again when their server is gone.
      const clients = Array.from({ length: 4 }, async () => {
        while (!isOver) {
          const client = fixture.createTransport().createConnection({ ...config, connectTimeoutMs: 20_000 });
          const connected = await client.connect();
          const sent = connected.ok ? await client.send(messageOf(100, 1)) : connected;
          if (sent.ok) served += 1;
          else refusals.set(sent.error.code, (refusals.get(sent.error.code) ?? 0) + 1);
          await client.disconnect();
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
      for (let round = 0; round < count; round += 1) {
        const victim = await ownProcess(scope, fixture, {});
        await victim.actions.listen(config);
        const before = served;
        await until(() => served > before, 'a client was served by the new server');
        victim.signal('SIGKILL');
        await victim.ended;
      }
      isOver = true;
      await within(Promise.all(clients), 'every client has ended');
      // A server that died with its answer under way ends a handshake; one that was killed leaves a name that nobody serves.
      const allowed = ['TransportUnavailable', 'HandshakeFailed', 'PeerDied', 'ConnectionClosed'];
      for (const code of refusals.keys()) expect(code).to.be.oneOf(allowed);
      await expectTaken(scope, world);
      expect(readdirSync(world.directory)).to.deep.equal([]);
      context.saw(`${count} servers, ${served} clients served, no name left`);
    },
  );

  faultTest('F5', 'several servers start with one name at the same moment', [addon], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const racers: PeerHost[] = [];
    for (let count = 0; count < 4; count += 1) racers.push(await ownProcess(scope, fixture, {}));
    const count = rounds(50, 500);
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
      // Meanwhile nobody else may touch the name: what it removed could be the slow one's.
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
    const count = rounds(6, 500);
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
      // Names stay until a server of that name comes, which is here the next one.
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

  describe('another user', () => {
    const needs = [addon, superuser, linux];

    faultTest('H16', 'has made the directory first', needs, async ({ scope, saw }) => {
      const world = worldOf(scope);
      const stranger = await ownProcess(scope, world.fixture, asUser(OTHER_USER));
      const directory = join(world.directory, 'squatted');
      mkdirSync(directory, { mode: 0o777 });
      const config = { ...world.config, sharedMemory: { ...world.config.sharedMemory, directory } };
      chownToOther(directory);
      for (const create of ['createServer', 'createConnection'] as const) {
        const outcome = await attempt(scope, world.fixture, create, config);
        expect(outcome).to.include('SharedMemoryPermission').and.include(`belongs to user ${OTHER_USER}`);
        saw(outcome.replace(directory, '…'));
      }
      expect(stranger.isAlive).to.equal(true);
    });

    faultTest('H16', 'may write to the directory', needs, async ({ scope, saw }) => {
      const world = worldOf(scope);
      chmodSync(world.directory, 0o777);
      scope.defer(() => chmodSync(world.directory, 0o700));
      const outcome = await attempt(scope, world.fixture, 'createServer', world.config);
      expect(outcome).to.include('chmod 700');
      saw(outcome.replace(world.directory, '…'));
    });

    faultTest('H16', 'has put a link in the place of the directory', needs, async ({ scope, saw }) => {
      const world = worldOf(scope);
      const directory = join(world.directory, 'link');
      symlinkSync('/etc', directory);
      const config = { ...world.config, sharedMemory: { ...world.config.sharedMemory, directory } };
      for (const create of ['createServer', 'createConnection'] as const) {
        const outcome = await attempt(scope, world.fixture, create, config);
        expect(outcome).to.include('SharedMemoryPermission').and.include('links are not followed');
        saw(outcome.replace(directory, '…'));
      }
    });

    faultTest('H16', "owns a server's region or the server itself", needs, async ({ scope, saw }) => {
      const world = worldOf(scope);
      const identity = { nonce: new Uint8Array(16), processId: 1, startTime: 1n, maxConnections: 5 };
      writeFileSync(world.names.region, encodeServerIdentity(identity));
      chownToOther(world.names.region);
      const region = await attempt(scope, world.fixture, 'createConnection', world.config);
      expect(region).to.include('SharedMemoryPermission').and.include("only its server's user");
      rmSync(world.names.region);

      // The file is this user's, but the process that answers at the socket is not.
      publishDiscoveryRegion(world.names.region, identity);
      const open = join(world.directory, 'open');
      mkdirSync(open, { mode: 0o777 });
      chmodSync(world.directory, 0o755);
      chmodSync(open, 0o777);
      const stranger = await ownProcess(scope, world.fixture, asUser(OTHER_USER));
      const theirs = join(open, 'theirs');
      const name = freshName();
      await stranger.actions.listen({ endpoint: name, sharedMemory: { directory: theirs } });
      symlinkSync(serverNames(theirs, name).socket, world.names.socket);
      const socket = await attempt(scope, world.fixture, 'createConnection', world.config);
      expect(socket).to.include('SharedMemoryPermission').and.include(`belongs to user ${OTHER_USER}`);
      saw(socket.replace(world.directory, '…'));
      await stranger.actions.reset();
    });

    faultTest('H17', 'connects to a server', needs, async ({ scope, saw }) => {
      const world = worldOf(scope);
      const server = scope.add(world.fixture.createTransport().createServer(world.config));
      unwrap(await server.listen());
      for (const [path, mode] of [
        [world.directory, 0o700],
        [world.names.region, 0o600],
        [world.names.socket, 0o600],
      ] as const) {
        expect(statSync(path).mode & 0o777, path).to.equal(mode);
      }
      const stranger = await ownProcess(scope, world.fixture, asUser(OTHER_USER));
      expect(await stranger.actions.connect(world.config)).to.equal('SharedMemoryPermission');
      // Were the modes wider, the server would still ask the kernel who it is.
      chmodSync(world.directory, 0o755);
      for (const path of [world.names.region, world.names.socket]) chmodSync(path, 0o666);
      expect(await stranger.actions.connect(world.config)).to.equal('SharedMemoryPermission');
      expect(await stranger.actions.rawConnect(world.names.socket)).to.equal('closed without an answer');
      chmodSync(world.directory, 0o700);
      chmodSync(world.names.region, 0o600);
      chmodSync(world.names.socket, 0o600);
      await expectServing(scope, world.fixture, world.config, () => server.accept());
      saw('SharedMemoryPermission; past the modes, closed without an answer');
    });
  });
});

/** `SCHED_STAT` of a process: R, S, T and so on. */
function stateOf(processId: number): string {
  return /\) (\S)/.exec(readFileSync(`/proc/${processId}/stat`, 'utf8'))?.[1] ?? '?';
}

/** The code and sentence with which a server or a client of that configuration fails. */
async function attempt(
  scope: Scope,
  fixture: TransportFixture,
  create: 'createServer' | 'createConnection',
  config: ConnectionConfig,
): Promise<string> {
  const transport = fixture.createTransport();
  const result =
    create === 'createServer'
      ? await scope.add(transport.createServer(config)).listen()
      : await scope.add(transport.createConnection(config)).connect();
  return result.ok ? 'ok' : `${result.error.code}: ${result.error.message}`;
}

function asUser(user: number): { wrapper: [string, ...string[]] } {
  return { wrapper: ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'] };
}

function chownToOther(path: string): void {
  chownSync(path, OTHER_USER, OTHER_USER);
}
