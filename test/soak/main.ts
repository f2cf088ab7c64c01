import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ConnectionConfig } from '@entropynet/core';
import type { ActorReport, ActorTask } from './actor.js';
import { Random } from './random.js';

const CLIENTS = 4;
const MIB = 1024 * 1024;

/** A process that stops reporting for so long, though nobody stopped it, hangs. */
const HANG_MS = 60_000;

/** One place in the play: a process, and the next one when that was killed. */
interface Place {
  readonly role: 'server' | 'client';
  /** Lives from the beginning to the end: its memory and descriptors tell of leaks. */
  readonly isLasting: boolean;
  readonly configs: readonly ConnectionConfig[];
  child: ChildProcess;
  latest: ActorReport | undefined;
  heardAt: number;
  isStopped: boolean;
  readonly history: { readonly at: number; readonly resident: number; readonly descriptors: number }[];
}

interface Options {
  readonly minutes: number;
  readonly seed: number;
}

/** Traffic, faults and restarts; resolves with what went wrong. */
export async function soak({ minutes, seed }: Options): Promise<readonly string[]> {
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
      child: await start({ role, seed: random.below(2 ** 31), configs: all }),
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
      place.history.push({
        at: performance.now() - started,
        resident: report.resident,
        descriptors: report.descriptors,
      });
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
    place.child = await start({ role: place.role, seed: random.below(2 ** 31), configs: place.configs });
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
          const ended = once(child, 'exit');
          child.send('stop');
          const timer = setTimeout(() => {
            complaints.push(`a ${role} did not end within a minute`);
            child.kill('SIGKILL');
          }, HANG_MS);
          await ended;
          clearTimeout(timer);
        }),
    );
  }
  progress();
  for (const place of places) if (place.isLasting) complaints.push(...leaksOf(place));
  const left = readdirSync(directory);
  if (left.length > 0) complaints.push(`names are left: ${left.join(', ')}`);
  rmSync(directory, { recursive: true, force: true });
  const { sessions, sent, received, bytes, refused } = totals();
  print(
    `${sessions} sessions (both ends counted), ${refused} refused while servers were away, ${sent} messages sent, ` +
      `${received} received and checked, ${(bytes / 1e9).toFixed(2)} GB; ${counts.kills} kills, ${counts.stops} stops, ` +
      `${counts.restarts} restarts; ${left.length} names left`,
  );
  for (const place of places) if (place.isLasting) print(describeMemory(place));
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

async function start(task: ActorTask): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('./actor.js', import.meta.url));
  const child = fork(program, [JSON.stringify(task)], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  return child;
}

/** Memory and descriptors of a process that lived all the time: the end against the middle. */
function leaksOf({ role, history }: Place): string[] {
  const { early, late } = memoryOf(history);
  const complaints: string[] = [];
  if (late > early * 1.25 + 32 * MIB) complaints.push(`the lasting ${role} grew from ${mib(early)} to ${mib(late)}`);
  const last = history.at(-1)?.descriptors ?? 0;
  const least = Math.min(...history.map(({ descriptors }) => descriptors));
  if (last > least + 8) complaints.push(`the lasting ${role} ended with ${last} descriptors, and once had ${least}`);
  return complaints;
}

function memoryOf(history: Place['history']): { early: number; late: number } {
  const part = (from: number, to: number): number => {
    const values = history
      .slice(Math.floor(history.length * from), Math.ceil(history.length * to))
      .map((each) => each.resident);
    return values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
  };
  return { early: part(0.25, 0.45), late: part(0.8, 1) };
}

function describeMemory({ role, history }: Place): string {
  const { early, late } = memoryOf(history);
  const descriptors = history.at(-1)?.descriptors ?? 0;
  return `lasting ${role}: ${mib(early)} resident early, ${mib(late)} late; ${descriptors} descriptors at the end`;
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
}

/** A line that is written anew each second on a terminal, and every 30 seconds elsewhere; the returned function ends it. */
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

function readOptions(given: readonly string[]): Options | string {
  const options = { minutes: 10, seed: Math.floor(Math.random() * 2 ** 31) };
  for (let index = 0; index < given.length; index += 2) {
    const name = /^--(minutes|seed)$/.exec(given[index]!)?.[1] as keyof Options | undefined;
    const value = Number(given[index + 1]);
    if (name === undefined) return `unknown argument '${given[index]}'; allowed: --minutes N, --seed N`;
    if (!(value > 0) || (name === 'seed' && !Number.isInteger(value))) {
      return `--${name} was given '${given[index + 1] ?? 'nothing'}'; a number above 0 is allowed`;
    }
    options[name] = value;
  }
  return options;
}

const options = readOptions(process.argv.slice(2));
if (typeof options === 'string') {
  process.stderr.write(`soak: ${options}\n`);
  process.exitCode = 2;
} else {
  print(`seed ${options.seed}`);
  const complaints = await soak(options);
  for (const complaint of complaints) print(`FAILED: ${complaint}`);
  print(
    complaints.length === 0 ? 'no message was lost, doubled or torn; nothing leaks' : `${complaints.length} complaints`,
  );
  process.exitCode = complaints.length === 0 ? 0 : 1;
}
