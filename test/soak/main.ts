import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { ConnectionConfig } from '@entropynet/core';
import { natsUnavailable } from '../support/nats/nats-server.js';
import type { ActorReport } from './actor.js';
import { describeGrowth, growthOf, type Sample } from './growth.js';
import { soakOverNats } from './nats-soak.js';
import { Random } from './random.js';
import { startActor, stopActor } from './start-actor.js';

const CLIENTS = 4;
const MIB = 1024 * 1024;

/** A running process without a report for this time hangs. */
const HANG_MS = 60_000;

/** The life of the NATS server. */
const RESTART_MS = 20_000;

/** One place in the play: a process, and the next one when that was killed. */
interface Place {
  readonly role: 'server' | 'client';
  /** It lives from the beginning to the end, so its memory and descriptors show leaks. */
  readonly isLasting: boolean;
  readonly configs: readonly ConnectionConfig[];
  child: ChildProcess;
  latest: ActorReport | undefined;
  heardAt: number;
  isStopped: boolean;
  readonly history: Sample[];
}

interface Options {
  readonly minutes: number;
  readonly seed: number;
  readonly isOverNats: boolean;
}

/** Runs traffic, faults and restarts. Resolves with the failures. */
async function soak({ minutes, seed }: Omit<Options, 'isOverNats'>): Promise<readonly string[]> {
  const random = new Random(seed);
  const directory = mkdtempSync(join(tmpdir(), 'entropynet-soak-'));
  const started = performance.now();
  const end = started + minutes * 60_000;
  const complaints: string[] = [];
  const counts = { kills: 0, stops: 0, restarts: 0 };
  const past = { sent: 0, received: 0, bytes: 0, sessions: 0, refused: 0 };

  const configs = [await configOf(directory, 'lasting'), await configOf(directory, 'mortal')];
  const places: Place[] = [];
  for (const [index, config] of configs.entries()) places.push(await open('server', index === 0, [config]));
  const ways = configs.flatMap(waysOf);
  for (let index = 0; index < CLIENTS; index += 1) places.push(await open('client', index === 0, ways));

  async function open(role: Place['role'], isLasting: boolean, all: readonly ConnectionConfig[]): Promise<Place> {
    const place: Place = {
      role,
      isLasting,
      configs: all,
      child: await startActor({ role, seed: random.below(2 ** 31), configs: all }),
      latest: undefined,
      heardAt: performance.now(),
      isStopped: false,
      history: [],
    };
    listen(place);
    return place;
  }

  function listen(place: Place): void {
    const { child } = place;
    child.on('message', (report: ActorReport) => {
      if (place.child !== child) return;
      place.latest = report;
      place.heardAt = performance.now();
      complaints.push(...report.complaints);
      place.history.push(report);
    });
    child.on('exit', (code, signal) => {
      if (signal !== 'SIGKILL' && code !== 0) complaints.push(`a ${place.role} ended by itself: ${signal ?? code}`);
    });
  }

  async function replace(place: Place): Promise<void> {
    counts.kills += 1;
    if (place.latest !== undefined) for (const key of KEYS) past[key] += place.latest[key];
    const ended = once(place.child, 'exit');
    place.child.kill('SIGKILL');
    await ended;
    place.latest = undefined;
    place.isStopped = false;
    place.child = await startActor({ role: place.role, seed: random.below(2 ** 31), configs: place.configs });
    place.heardAt = performance.now();
    counts.restarts += 1;
    listen(place);
  }

  async function disturb(): Promise<void> {
    const place = random.pick(places);
    if (random.once(3) || place.isLasting) {
      place.isStopped = true;
      place.child.kill('SIGSTOP');
      counts.stops += 1;
      await pause(random.below(1500));
      place.child.kill('SIGCONT');
      place.heardAt = performance.now();
      place.isStopped = false;
    } else await replace(place);
  }

  const totals = (): typeof past => {
    const sum = { ...past };
    for (const { latest } of places) if (latest !== undefined) for (const key of KEYS) sum[key] += latest[key];
    return sum;
  };
  const progress = startProgress(() => {
    const { received, bytes, sessions } = totals();
    const seconds = Math.round((performance.now() - started) / 1000);
    return (
      `${clock(seconds)} of ${clock(minutes * 60)}  ${sessions} sessions, ${(received / 1e6).toFixed(2)} M messages, ` +
      `${(bytes / 1e9).toFixed(2)} GB, ${counts.kills} kills, ${counts.stops} stops, ${complaints.length} complaints`
    );
  });

  while (performance.now() < end && complaints.length < 20) {
    await pause(200 + random.below(1500));
    await disturb();
    for (const place of places) {
      if (performance.now() - place.heardAt > HANG_MS) complaints.push(`a ${place.role} has been silent for a minute`);
    }
  }

  // Clients first, so that their goodbyes are heard; then the servers.
  for (const role of ['client', 'server'] as const) {
    await Promise.all(
      places
        .filter((place) => place.role === role)
        .map(async ({ child }) => {
          if (!(await stopActor(child, HANG_MS))) complaints.push(`a ${role} did not end within a minute`);
        }),
    );
  }
  progress();
  for (const place of places) if (place.isLasting) complaints.push(...growthOf(nameOf(place), place.history));
  const left = readdirSync(directory);
  if (left.length > 0) complaints.push(`names are left: ${left.join(', ')}`);
  rmSync(directory, { recursive: true, force: true });
  const { sessions, sent, received, bytes, refused } = totals();
  print(
    `${sessions} sessions (both ends counted), ${refused} refused while servers were away, ${sent} messages sent, ` +
      `${received} received and checked, ${(bytes / 1e9).toFixed(2)} GB; ${counts.kills} kills, ${counts.stops} stops, ` +
      `${counts.restarts} restarts; ${left.length} names left`,
  );
  for (const place of places) if (place.isLasting) print(describeGrowth(nameOf(place), place.history));
  return complaints;
}

const KEYS = ['sent', 'received', 'bytes', 'sessions', 'refused'] as const;

/** Shared memory and WebSocket on a free port, which a restarted server takes again. */
async function configOf(directory: string, name: string): Promise<ConnectionConfig> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return {
    endpoint: name,
    fallback: [`ws://127.0.0.1:${port}`],
    connectTimeoutMs: 10_000,
    sharedMemory: { directory, regionSize: 1 * MIB },
  };
}

/** How a client may reach that server: in the order of the configuration, or over one transport alone. */
function waysOf(config: ConnectionConfig): ConnectionConfig[] {
  const { fallback = [], ...rest } = config;
  return [
    config,
    { ...rest, sharedMemory: { ...rest.sharedMemory, access: 'copied' } },
    { ...rest, endpoint: fallback[0]! },
  ];
}

function nameOf({ role }: Place): string {
  return `the lasting ${role}`;
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
}

/** Writes a line each second on a terminal, and every 30 seconds elsewhere. The returned function ends that. */
function startProgress(describe: () => string): () => void {
  const isTerminal = process.stderr.isTTY;
  const timer = setInterval(
    () => {
      process.stderr.write(isTerminal ? `\r${describe()}\u001b[K` : `${describe()}\n`);
    },
    isTerminal ? 1000 : 30_000,
  );
  return () => {
    clearInterval(timer);
    process.stderr.write(isTerminal ? `\r${describe()}\u001b[K\n` : `${describe()}\n`);
  };
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Returns the options of the command line, or a sentence about a wrong one. */
function readOptions(given: readonly string[]): Options | string {
  const options = { minutes: 10, seed: Math.floor(Math.random() * 2 ** 31), isOverNats: given.includes('--nats') };
  const rest = given.filter((argument) => argument !== '--nats');
  for (let index = 0; index < rest.length; index += 2) {
    const name = /^--(minutes|seed)$/.exec(rest[index]!)?.[1] as 'minutes' | 'seed' | undefined;
    const value = Number(rest[index + 1]);
    if (name === undefined) return `unknown argument '${rest[index]}'; allowed: --minutes N, --seed N, --nats`;
    if (!(value > 0) || (name === 'seed' && !Number.isInteger(value))) {
      return `--${name} was given '${rest[index + 1] ?? 'nothing'}'; a number above 0 is allowed`;
    }
    options[name] = value;
  }
  return options;
}

async function run({ isOverNats, ...options }: Options): Promise<void> {
  print(`seed ${options.seed}`);
  const complaints = isOverNats ? await natsSoak(options) : await soak(options);
  for (const complaint of complaints) print(`FAILED: ${complaint}`);
  print(
    complaints.length === 0 ? 'no message was lost, doubled or torn; nothing leaks' : `${complaints.length} complaints`,
  );
  process.exitCode = complaints.length === 0 ? 0 : 1;
}

/** The NATS server dies every 20 seconds. */
async function natsSoak({ minutes, seed }: Omit<Options, 'isOverNats'>): Promise<readonly string[]> {
  if (natsUnavailable !== undefined) return [natsUnavailable];
  const restarts = Math.max(1, Math.round((minutes * 60_000) / RESTART_MS));
  const onComplaint = (complaint: string): void => {
    print(`${clock(process.uptime())} ${complaint}`);
  };
  const { complaints, summary } = await soakOverNats({
    seed,
    restarts,
    restartMs: RESTART_MS,
    onProgress: print,
    onComplaint,
  });
  for (const line of summary) print(line);
  return complaints;
}

// The processes that it started end with it, after their `exit` listeners.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
const options = readOptions(process.argv.slice(2));
if (typeof options === 'string') {
  process.stderr.write(`soak: ${options}\n`);
  process.exitCode = 2;
} else await run(options);
