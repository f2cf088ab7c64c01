import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { codeOf, type Scope, until, within } from '@entropynet/conformance/tools';
import { type ConnectionConfig, type NetworkConnection, unwrap } from '@entropynet/core';
import { removeLeftovers, SharedMemoryConnection, SharedMemoryServer } from '@entropynet/transport-shm';
import { addon, describeFaults, faultTest, rounds } from './support/fault-test.js';
import { ownFixture } from './support/processes.js';

const PROGRAM = fileURLToPath(new URL('./support/shared-server-program.js', import.meta.url));
const REGION_BYTES = 64 * 1024;

interface World {
  readonly endpoint: string;
  readonly directory: string;
  readonly config: ConnectionConfig;
}

function worldOf(scope: Scope): World {
  const { endpoint, sharedMemory } = ownFixture(scope).freshConfig();
  const directory = sharedMemory!.directory!;
  const config = { endpoint, connectTimeoutMs: 20_000, sharedMemory: { directory, regionSize: REGION_BYTES } };
  return { endpoint, directory, config };
}

/** One of the servers of the name, in a separate process. */
async function startServer(scope: Scope, { endpoint, directory }: World): Promise<ChildProcess> {
  const args = [...process.execArgv, PROGRAM, endpoint, directory];
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(server, 'exit');
  scope.defer(async () => {
    server.kill('SIGKILL');
    await ended;
  });
  await once(server.stdout, 'data');
  return server;
}

async function killed(server: ChildProcess): Promise<void> {
  const ended = once(server, 'exit');
  server.kill('SIGKILL');
  await ended;
}

/** Returns the id of the process that serves a connection. */
async function serverOf(connection: NetworkConnection): Promise<number> {
  const answered = new Promise<number>((resolve, reject) => {
    connection.setMessageCallback((bytes) => {
      resolve(Number(Buffer.from(bytes).toString()));
    });
    void connection.closed.then(({ error }) => {
      reject(error ?? new Error('the server said goodbye before it answered'));
    });
  });
  const [, answer] = await Promise.all([connection.send(new Uint8Array(1)).then(unwrap), answered]);
  return answer;
}

/** How a server ends, and how the connections end that it has not answered: SERVER-3 for the one that closes itself. */
const ENDS = { SIGKILL: 'PeerDied', SIGTERM: 'disconnected' } as const;

/**
 * Clients that connect repeatedly until `end`. Each is served, unless its server ended meanwhile. Then its connection
 * ends as `ENDS` says. Everything else is a failure.
 */
class BusyClients {
  readonly failures: string[] = [];
  served = 0;
  lost = 0;
  readonly #endedServers = new Map<number, string>();
  #isOver = false;
  readonly #loops: Promise<unknown>;

  constructor(config: ConnectionConfig, count: number) {
    this.#loops = Promise.all(Array.from({ length: count }, () => this.#loop(config)));
  }

  endServer(server: ChildProcess, signal: keyof typeof ENDS): void {
    this.#endedServers.set(server.pid!, ENDS[signal]);
    server.kill(signal);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await within(this.#loops, 'every client has ended', 60_000);
  }

  async #loop(config: ConnectionConfig): Promise<void> {
    while (!this.#isOver) {
      const client = new SharedMemoryConnection(config);
      const connected = await client.connect();
      if (connected.ok) await this.#ask(client);
      else this.failures.push(`connect(): ${connected.error.code}: ${connected.error.message}`);
      await client.disconnect();
    }
  }

  async #ask(client: SharedMemoryConnection): Promise<void> {
    const { process: server = 0 } = client.peer;
    try {
      expect(await serverOf(client)).to.equal(server);
      this.served += 1;
    } catch (failure) {
      const allowed = this.#endedServers.get(server);
      if (allowed === undefined) {
        this.failures.push(`server ${server}, which goes on: ${String(failure)}`);
        return;
      }
      const { state, error } = await client.closed;
      if ((error?.code ?? state) === allowed) this.lost += 1;
      else this.failures.push(`server ${server}, which was ended: ${error?.code ?? state}, not ${allowed}`);
    }
  }
}

describeFaults('shared endpoints', () => {
  faultTest('F25', 'ten servers share a name and are killed, under load', [addon], async ({ scope, saw }) => {
    const world = worldOf(scope);
    const servers = await Promise.all(Array.from({ length: 10 }, () => startServer(scope, world)));
    const held = Array.from({ length: 200 }, () => scope.add(new SharedMemoryConnection(world.config)));
    await Promise.all(held.map(async (client) => unwrap(await client.connect())));
    const used = new Set(await Promise.all(held.map(serverOf)));
    // The chance that one of ten gets none of two hundred is one in a hundred million.
    expect([...used].sort()).to.deep.equal(servers.map(({ pid }) => pid).sort());
    await Promise.all(held.map((client) => client.disconnect()));
    const clients = new BusyClients(world.config, 100);
    const count = rounds(4, 200);
    for (let round = 0; round < count; round += 1) {
      const before = clients.served;
      await until(() => clients.served > before + 100, 'clients are served', 20_000);
      const victim = servers.shift()!;
      clients.endServer(victim, 'SIGKILL');
      // The test replaces every second one, and never kills the last.
      if (round % 2 === 0 || servers.length < 3) servers.push(await startServer(scope, world));
    }
    await clients.end();
    expect(clients.failures).to.deep.equal([]);
    saw(
      `${count} of them killed, ${clients.served} clients served, ${clients.lost} of a killed server lost, nothing else`,
    );
  });

  faultTest('F25', 'a server that shares its name is stopped', [addon], async ({ scope }) => {
    const world = worldOf(scope);
    // A client waits a quarter of it for the stopped server.
    const config = { ...world.config, connectTimeoutMs: 8000 };
    const [stopped, other] = [await startServer(scope, world), await startServer(scope, world)];
    stopped.kill('SIGSTOP');
    // Half of them ask the stopped one first.
    const clients = Array.from({ length: 20 }, () => scope.add(new SharedMemoryConnection(config)));
    for (const connected of await Promise.all(clients.map((client) => client.connect()))) unwrap(connected);
    expect(new Set(await Promise.all(clients.map(serverOf)))).to.deep.equal(new Set([other.pid]));
  });

  faultTest('F25', 'all servers of a name are killed', [addon], async ({ scope, saw }) => {
    const world = worldOf(scope);
    const servers = await Promise.all(Array.from({ length: 3 }, () => startServer(scope, world)));
    for (const server of servers) await killed(server);
    expect(codeOf(await new SharedMemoryConnection(world.config).connect())).to.equal('TransportUnavailable');
    const { removed, living } = unwrap(await removeLeftovers({ directory: world.directory }));
    expect([removed.length, living]).to.deep.equal([6, 0]);
    // A single server removes the names of dead servers too, so that clients find it at once.
    for (const server of [await startServer(scope, world), await startServer(scope, world)]) await killed(server);
    const alone = scope.add(new SharedMemoryServer(world.config));
    unwrap(await alone.listen());
    unwrap(await scope.add(new SharedMemoryConnection(world.config)).connect());
    await alone.close();
    expect(unwrap(await removeLeftovers({ directory: world.directory })).removed).to.deep.equal([]);
    saw('TransportUnavailable; the next server takes their names');
  });

  faultTest('L9', 'a server hands its name over to its successor, under load', [addon], async ({ scope, saw }) => {
    const world = worldOf(scope);
    const count = rounds(4, 200);
    let current = await startServer(scope, world);
    const clients = new BusyClients(world.config, 20);
    for (let round = 0; round < count; round += 1) {
      const before = clients.served;
      await until(() => clients.served > before + 20, 'clients are served', 20_000);
      const successor = await startServer(scope, world);
      clients.endServer(current, 'SIGTERM');
      const [code] = (await within(once(current, 'exit'), 'the old server has ended')) as [number];
      expect(code).to.equal(0);
      current = successor;
    }
    await clients.end();
    expect(clients.failures).to.deep.equal([]);
    saw(`${count} times, ${clients.served} clients served, ${clients.lost} got a goodbye, no connect() failed`);
  });
});
