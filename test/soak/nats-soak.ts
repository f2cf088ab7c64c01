import type { ChildProcess } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { ConnectionConfig } from '@entropynet/core';
import { freePort, NatsServer } from '../support/nats/nats-server.js';
import type { ActorReport, ActorTask } from './actor.js';
import { describeGrowth, growthOf } from './growth.js';
import { Random } from './random.js';
import { SessionPairs } from './session-pairs.js';
import { startActor, stopActor } from './start-actor.js';

const CLIENTS = 3;
const MOST_COMPLAINTS = 20;

/** The limit for the end of a process, and for the NATS server to forget its clients. */
const HANG_MS = 60_000;
const POLL_MS = 100;

/** The options of traffic over a NATS server that dies repeatedly. */
export interface NatsSoakOptions {
  readonly seed: number;
  /** The number of deaths and restarts of the NATS server. */
  readonly restarts: number;
  /** The time of each life, in milliseconds. */
  readonly restartMs: number;
  /** Takes a line after each restart. */
  readonly onProgress?: (line: string) => void;
  /** Takes each complaint at once. */
  readonly onComplaint?: (complaint: string) => void;
}

/** The outcome of the traffic. */
export interface NatsSoakOutcome {
  /** The failures. */
  readonly complaints: readonly string[];
  /** Lines for people. */
  readonly summary: readonly string[];
  /** Sessions of which both sides' ends were compared, messages that arrived and were checked, and messages that were lost. */
  readonly matched: number;
  readonly received: number;
  readonly lost: number;
}

/** A process of the run, with its reports. */
interface Actor {
  readonly name: string;
  readonly child: ChildProcess;
  readonly history: ActorReport[];
}

/** The resources that the NATS server holds for its clients. */
interface Held {
  readonly connections: number;
  readonly subscriptions: number;
}

/**
 * A server and clients exchange messages over a NATS server that the run kills and restarts. Every stream must arrive
 * whole, in order and once up to its end. The sender must know each message that did not arrive. No process may grow.
 */
export async function soakOverNats(options: NatsSoakOptions): Promise<NatsSoakOutcome> {
  const { seed, restarts, restartMs, onProgress = () => undefined, onComplaint = () => undefined } = options;
  const monitor = `127.0.0.1:${await freePort()}`;
  const configuration = `http: "${monitor}"`;
  const nats = await NatsServer.start(configuration);
  const soak = new NatsSoak(seed, { endpoint: `nats://${nats.host}/soak`, connectTimeoutMs: 10_000 }, onComplaint);
  try {
    await soak.start('server');
    // The resources of a server without clients. They must be the same afterwards.
    const atFirst = await heldBy(monitor);
    await Promise.all(Array.from({ length: CLIENTS }, () => soak.start('client')));
    for (let restart = 1; restart <= restarts && soak.complaints.length < MOST_COMPLAINTS; restart += 1) {
      await pause(restartMs);
      await nats.kill();
      await nats.restart(configuration);
      onProgress(`${restart} of ${restarts} restarts: ${soak.describe()}`);
    }
    await pause(restartMs);
    await soak.stop('client');
    const atLast = await settled(monitor, atFirst);
    if (!isSame(atFirst, atLast)) soak.complain(`the NATS server holds ${text(atLast)} instead of ${text(atFirst)}`);
    await soak.stop('server');
    const nothing = { connections: 0, subscriptions: 0 };
    const left = await settled(monitor, nothing);
    if (!isSame(nothing, left)) soak.complain(`the NATS server still holds ${text(left)}`);
    return soak.finish(restarts, atLast);
  } finally {
    await soak.kill();
    await nats.stop();
  }
}

class NatsSoak {
  readonly complaints: string[] = [];
  readonly #random: Random;
  readonly #config: ConnectionConfig;
  readonly #actors: Actor[] = [];
  readonly #pairs: SessionPairs;

  readonly #onComplaint: (complaint: string) => void;

  constructor(seed: number, config: ConnectionConfig, onComplaint: (complaint: string) => void) {
    this.#onComplaint = onComplaint;
    this.#random = new Random(seed);
    this.#config = config;
    this.#pairs = new SessionPairs(this.complain);
  }

  async start(role: ActorTask['role']): Promise<void> {
    const child = await startActor({ role, seed: this.#random.below(2 ** 31), configs: [this.#config] });
    const history: ActorReport[] = [];
    child.on('message', (report: ActorReport) => {
      history.push(report);
      report.complaints.forEach(this.complain);
      for (const end of report.ends) this.#pairs.add(end);
    });
    child.on('exit', (code, signal) => {
      if (code !== 0) this.complain(`a ${role} ended with ${signal ?? code}`);
    });
    this.#actors.push({ name: role, child, history });
  }

  async stop(role: ActorTask['role']): Promise<void> {
    const stopping = this.#actors.filter(({ name }) => name === role).map(({ child }) => stopActor(child, HANG_MS));
    if ((await Promise.all(stopping)).includes(false)) this.complain(`a ${role} did not end within a minute`);
  }

  /** Ends what still runs, after a failure. */
  async kill(): Promise<void> {
    await Promise.all(this.#actors.map(({ child }) => stopActor(child, 0)));
  }

  readonly complain = (complaint: string): void => {
    this.complaints.push(complaint);
    this.#onComplaint(complaint);
  };

  describe(): string {
    const { sessions, received, bytes, refused } = this.#totals();
    return (
      `${sessions} sessions (both ends counted), ${refused} refused while the NATS server was away, ` +
      `${received} messages received and checked, ${(bytes / 1e9).toFixed(2)} GB; ${this.#pairs.matched} sessions compared, ` +
      `${this.#pairs.lost} messages lost in breaks, ${this.complaints.length} complaints`
    );
  }

  finish(restarts: number, held: Held): NatsSoakOutcome {
    this.#pairs.finish();
    for (const { name, history } of this.#actors) growthOf(`the ${name}`, history).forEach(this.complain);
    const growth = this.#actors.map(({ name, history }) => describeGrowth(name, history));
    const ending = `${restarts} restarts of the NATS server, which held ${text(held)} behind the last client`;
    return {
      complaints: this.complaints,
      summary: [this.describe(), ending, ...growth],
      matched: this.#pairs.matched,
      received: this.#totals().received,
      lost: this.#pairs.lost,
    };
  }

  #totals(): Record<'sessions' | 'received' | 'bytes' | 'refused', number> {
    const totals = { sessions: 0, received: 0, bytes: 0, refused: 0 };
    for (const { history } of this.#actors) {
      const latest = history.at(-1);
      if (latest === undefined) continue;
      for (const key of ['sessions', 'received', 'bytes', 'refused'] as const) totals[key] += latest[key];
    }
    return totals;
  }
}

/** The resources of the NATS server, as soon as they are as expected, or after a minute. */
async function settled(monitor: string, expected: Held): Promise<Held> {
  const end = performance.now() + HANG_MS;
  let held = await heldBy(monitor);
  while (!isSame(held, expected) && performance.now() < end) {
    await pause(POLL_MS);
    held = await heldBy(monitor);
  }
  return held;
}

async function heldBy(monitor: string): Promise<Held> {
  const response = await fetch(`http://${monitor}/connz`);
  const { connections } = (await response.json()) as {
    readonly connections: readonly { readonly subscriptions: number }[];
  };
  const subscriptions = connections.reduce((sum, connection) => sum + connection.subscriptions, 0);
  return { connections: connections.length, subscriptions };
}

function isSame(one: Held, other: Held): boolean {
  return one.connections === other.connections && one.subscriptions === other.subscriptions;
}

function text({ connections, subscriptions }: Held): string {
  return `${connections} NATS connections with ${subscriptions} subscriptions`;
}
