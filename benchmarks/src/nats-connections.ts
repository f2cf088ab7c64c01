import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { unwrap } from '@entropynet/core';
import type { ManagedServer, Networking } from '@entropynet/manager';
import { type Measurement, medianOf } from './measurement.js';
import { NatsBroker } from './nats-broker.js';
import { type Fleet, nameOfFleet } from './nats-fleets.js';
import { usageOf } from './process-usage.js';
import { start } from './subjects/entropynet-nats.js';

/** Long against the heartbeat's interval of two seconds. */
const IDLE_MS = 10_000;
const SETTLE_MS = 1500;
const POLL_MS = 20;
const MESSAGES = 300_000;
const RATES = 3;
/** Connections that are made and closed first: code is compiled then, and memory touched. */
const WARM_UP_CONNECTIONS = 20;
/** Connections that are made one after the other, beside those that stand. */
const SINGLE_CONNECTS = 20;

/** The requests to the process with the clients. It answers each with a number. */
export type FleetTask =
  /** Answers how long that took, in milliseconds. */
  | { readonly task: 'connect'; readonly endpoints: readonly string[]; readonly count: number }
  /** Answers the median of single connects, in milliseconds. */
  | { readonly task: 'connect-singly'; readonly endpoints: readonly string[]; readonly count: number }
  | { readonly task: 'send'; readonly messages: number }
  | { readonly task: 'close' }
  | { readonly task: 'collect-garbage' };

/** What each part has used so far. */
interface Usage {
  readonly brokers: Part;
  readonly server: Part;
  readonly client: Part;
  /** Subscriptions that one NATS server knows, on average, and messages that all of them took from clients and from each other. */
  readonly subscriptions: number;
  readonly messages: number;
}

interface Part {
  readonly resident: number;
  readonly processorTime: number;
}

/** What connections over NATS cost the NATS servers and both ends. This process has the servers' ends. */
export async function measureFleet(fleet: Fleet): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-bench-'));
  const side = new ServerSide(fleet, await start(fleet.connections + WARM_UP_CONNECTIONS + SINGLE_CONNECTS));
  const client = fork(fileURLToPath(new URL('./nats-connections-peer.js', import.meta.url)));
  try {
    const endpoints = await side.listen(folder);
    await ask(client, { task: 'connect', endpoints, count: WARM_UP_CONNECTIONS });
    await side.rate(client, MESSAGES);
    await ask(client, { task: 'close' });
    await side.haveLeft();
    const before = await side.usage(client);
    const connectMs = await ask(client, { task: 'connect', endpoints, count: fleet.connections });
    const after = await side.usage(client);
    await pause(IDLE_MS);
    const idle = await side.usage(client, 'as it is');
    const rates = [await side.rate(client, MESSAGES)];
    const fromHere = await side.usage(client, 'as it is');
    for (let round = 0; round < RATES; round += 1) rates.push(await side.rate(client, MESSAGES));
    const sent = await side.usage(client, 'as it is');
    const singleMs = await ask(client, { task: 'connect-singly', endpoints, count: SINGLE_CONNECTS });
    const figure = nameOfFleet(fleet);
    const each = (from: number, to: number): number => (to - from) / fleet.connections;
    const share = (part: 'brokers' | 'server' | 'client'): number =>
      (idle[part].processorTime - after[part].processorTime) / (IDLE_MS * 10);
    const perMessage = (part: 'brokers' | 'server' | 'client'): number =>
      (sent[part].processorTime - fromHere[part].processorTime) / (RATES * MESSAGES);
    const memory = (part: 'server' | 'client'): number => each(before[part].resident, after[part].resident);
    const { nodes } = fleet;
    return [
      { figure, statistic: 'connects', unit: '/s', value: (fleet.connections * 1000) / connectMs },
      { figure, statistic: 'one more connect, p50', unit: 'ms', value: singleMs },
      {
        figure,
        statistic: 'subscriptions each, in a NATS server',
        unit: 'count',
        value: each(before.subscriptions, after.subscriptions),
      },
      { figure, statistic: 'a NATS server without them', unit: 'B', value: before.brokers.resident / nodes },
      {
        figure,
        statistic: 'NATS server: memory each',
        unit: 'B',
        value: each(before.brokers.resident, after.brokers.resident) / nodes,
      },
      { figure, statistic: 'server: memory each', unit: 'B', value: memory('server') },
      { figure, statistic: 'clients: memory each', unit: 'B', value: memory('client') },
      {
        figure,
        statistic: 'idle: messages each, a minute',
        unit: 'count',
        value: (each(after.messages, idle.messages) * 60_000) / IDLE_MS,
      },
      { figure, statistic: 'idle: NATS servers', unit: '%', value: share('brokers') },
      { figure, statistic: 'idle: server', unit: '%', value: share('server') },
      { figure, statistic: 'idle: clients', unit: '%', value: share('client') },
      { figure, statistic: 'rate of all, 64 B', unit: '/s', value: medianOf(rates.slice(1)) },
      { figure, statistic: 'a message: NATS servers', unit: 'µs', value: perMessage('brokers') },
      { figure, statistic: 'a message: server', unit: 'µs', value: perMessage('server') },
      { figure, statistic: 'a message: clients', unit: 'µs', value: perMessage('client') },
    ];
  } finally {
    client.kill();
    if (client.exitCode === null && client.signalCode === null) await once(client, 'exit');
    await side.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The NATS servers, and the servers of the connections. */
class ServerSide {
  readonly #fleet: Fleet;
  readonly #networking: Networking;
  readonly #brokers: NatsBroker[] = [];
  #received = 0;
  #expected = Infinity;
  #whenReceived: () => void = () => undefined;

  constructor(fleet: Fleet, networking: Networking) {
    this.#fleet = fleet;
    this.#networking = networking;
  }

  /** Starts everything; returns where the clients of each server connect. */
  async listen(folder: string): Promise<string[]> {
    const { nodes, pairs } = this.#fleet;
    for (let node = 0; node < nodes; node += 1) {
      const cluster = nodes === 1 ? {} : { cluster: this.#brokers[0] ?? ('first' as const) };
      this.#brokers.push(await NatsBroker.start({ folder, name: `node-${node}`, ...cluster }));
    }
    const endpoints: string[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const service = `service-${pair}`;
      // Another name is another NATS connection, as another host has one.
      const config = { endpoint: this.#endpoint(pair, service), nats: { name: service } };
      const server = unwrap(this.#networking.manager.createServer(config));
      unwrap(await server.listen());
      void this.#serve(server);
      endpoints.push(this.#endpoint(pair + 1, service));
    }
    return endpoints;
  }

  /** How many messages arrive in a second, of so many that the clients send. */
  async rate(client: ChildProcess, messages: number): Promise<number> {
    this.#received = 0;
    this.#expected = messages;
    const arrived = new Promise<void>((resolve) => {
      this.#whenReceived = resolve;
    });
    const startedAt = performance.now();
    client.send({ task: 'send', messages } satisfies FleetTask);
    await Promise.all([arrived, once(client, 'message')]);
    return (messages * 1000) / (performance.now() - startedAt);
  }

  /** Resolves when no connection is left here. */
  async haveLeft(): Promise<void> {
    while (this.#networking.manager.activeCount() > 0) await pause(POLL_MS);
  }

  /** What all have used so far; after a collection, unless `as it is`. */
  async usage(client: ChildProcess, how: 'collected' | 'as it is' = 'collected'): Promise<Usage> {
    if (how === 'collected') {
      globalThis.gc?.();
      await ask(client, { task: 'collect-garbage' });
      await pause(SETTLE_MS);
    }
    const brokers = this.#brokers.map(({ processId }) => usageOf(processId));
    const pages = await Promise.all(this.#brokers.map((broker) => broker.monitor('varz')));
    const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
    return {
      brokers: {
        resident: sum(brokers.map(({ resident }) => resident)),
        processorTime: sum(brokers.map(({ processorTime }) => processorTime)),
      },
      server: usageOf(process.pid),
      client: usageOf(client.pid ?? 0),
      subscriptions: sum(pages.map((page) => Number(page['subscriptions']))) / pages.length,
      messages: sum(pages.map((page) => Number(page['in_msgs']))),
    };
  }

  async close(): Promise<void> {
    await this.#networking.close();
    for (const broker of this.#brokers) await broker.stop();
  }

  #endpoint(pair: number, service: string): string {
    return `nats://${this.#brokers[pair % this.#brokers.length]?.host ?? ''}/${service}`;
  }

  async #serve(server: ManagedServer): Promise<void> {
    const onMessage = (): void => {
      this.#received += 1;
      if (this.#received === this.#expected) this.#whenReceived();
    };
    for await (const handle of server) handle.setMessageCallback(onMessage);
  }
}

async function ask(client: ChildProcess, task: FleetTask): Promise<number> {
  const answered = once(client, 'message');
  client.send(task);
  const [answer] = (await answered) as [number];
  return answer;
}
