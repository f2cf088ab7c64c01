import { setTimeout as pause } from 'node:timers/promises';
import {
  type InspectedProcess,
  type InspectedRegion,
  type InspectedRing,
  inspectSharedMemory,
  type SharedMemorySnapshot,
} from '@entropynet/transport-shm';
import { type Command } from 'commander';
import { expectOk } from '../support/command-failure.js';
import { wholeNumber } from '../support/connection-options.js';
import { formatBytes, print, printable, type Terminal } from '../support/terminal.js';

interface InspectCommandOptions {
  readonly directory?: string;
  readonly interval: number;
  readonly once?: true;
  readonly json?: true;
}

/** A ring, and how fast it is written, in bytes a second, frames' headers included. */
interface RatedRing extends InspectedRing {
  readonly bytesPerSecond: number;
}

/** What is shown: a snapshot, with rates since the one before. */
interface RatedSnapshot extends Omit<SharedMemorySnapshot, 'regions'> {
  readonly regions: readonly (Omit<InspectedRegion, 'toClient' | 'toServer'> & {
    readonly toClient: RatedRing;
    readonly toServer: RatedRing;
  })[];
}

/** `entropynet inspect`: what goes on through shared memory on this machine. */
export function addInspect(program: Command, terminal: Terminal): void {
  program
    .command('inspect')
    .description('Show every server and connection of this user through shared memory, live; disturbs none of them.')
    .option('--directory <path>', 'where servers on this machine are found')
    .option('-i, --interval <ms>', 'over how long rates are measured, and how often it is shown', wholeNumber(50), 1000)
    .option('-1, --once', 'show it once; so it is, too, where the output is no terminal')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Example:
  entropynet inspect --once`,
    )
    .action((options: InspectCommandOptions) => inspect(terminal, options));
}

async function inspect(terminal: Terminal, options: InspectCommandOptions): Promise<void> {
  const look = (): SharedMemorySnapshot =>
    expectOk(inspectSharedMemory(options.directory === undefined ? {} : { directory: options.directory }));
  const isLive = terminal.output.isTTY && options.once !== true && options.json !== true;
  let before = look();
  let lines = 0;
  do {
    await pause(options.interval, undefined, { signal: terminal.interrupted }).catch(() => undefined);
    if (terminal.interrupted.aborted) break;
    const now = look();
    const rated = withRates(before, now);
    before = now;
    if (options.json === true) {
      print(terminal, JSON.stringify(rated, undefined, 2));
      continue;
    }
    const text = isLive ? fitted(linesOf(rated), terminal.output) : linesOf(rated);
    if (isLive && lines > 0) terminal.output.write(`\u001b[${lines}A\u001b[J`);
    for (const line of text) print(terminal, line);
    ({ length: lines } = text);
  } while (isLive);
}

/** What fits on the terminal: lines that scrolled away could not be drawn anew. */
function fitted(lines: readonly string[], { columns, rows }: NodeJS.WriteStream): string[] {
  const most = Math.max(rows - 2, 1);
  const shown = lines.slice(0, most).map((line) => line.slice(0, columns));
  return lines.length > most ? [...shown, `… ${lines.length - most} lines more; --once shows all`] : shown;
}

function withRates(before: SharedMemorySnapshot, now: SharedMemorySnapshot): RatedSnapshot {
  const seconds = Math.max((now.at - before.at) / 1000, 0.001);
  const rate = (ring: InspectedRing, earlier: InspectedRing | undefined): RatedRing => ({
    ...ring,
    // The counters are of 32 bits and start again.
    bytesPerSecond: earlier === undefined ? 0 : Math.round(((ring.written - earlier.written) >>> 0) / seconds),
  });
  const regions = now.regions.map((region) => {
    const earlier = before.regions.find(({ key }) => key === region.key);
    return {
      ...region,
      toClient: rate(region.toClient, earlier?.toClient),
      toServer: rate(region.toServer, earlier?.toServer),
    };
  });
  return { ...now, regions };
}

function linesOf({ directory, servers, regions, unreadable, at }: RatedSnapshot): string[] {
  const lines = [`${directory}: ${countOf(servers.length, 'server')}, ${countOf(regions.length, 'connection')}`];
  for (const { nameHash, process, maxConnections } of servers) {
    const who = process === undefined ? 'dead; "entropynet clean" removes what it left' : describe(process, at);
    lines.push(`server ${nameHash}, at most ${countOf(maxConnections, 'connection')}: ${who}`);
  }
  for (const region of regions) {
    const age = region.madeAt === undefined ? '' : ` for ${formatDuration(at - region.madeAt)}`;
    lines.push(`connection ${region.key}, ${formatBytes(region.size)}${age}`);
    lines.push(`  server ${describe(region.server, at)}`);
    lines.push(`  client ${describe(region.client, at)}`);
    lines.push(`  to client ${describeRing(region.toClient)}`, `  to server ${describeRing(region.toServer)}`);
  }
  for (const { key, size, processes, reason } of unreadable) {
    const who = processes.map((each) => describe(each, at)).join(', ');
    lines.push(`region ${key}, ${formatBytes(size)}, can't be read: ${reason}: ${who}`);
  }
  return lines;
}

function describe(process: InspectedProcess | undefined, at: number): string {
  if (process === undefined) return 'unknown: ended, or in a process namespace of its own';
  const age = process.startedAt === undefined ? '' : ` since ${formatDuration(at - process.startedAt)}`;
  return `${process.id}${age}: ${printable(process.command)}`;
}

const BAR_CHARACTERS = 20;

function describeRing({ capacity, filled, bytesPerSecond, isStalled, receiver, isClosed }: RatedRing): string {
  const share = filled / capacity;
  const bar = '█'.repeat(Math.ceil(share * BAR_CHARACTERS)).padEnd(BAR_CHARACTERS, '░');
  const percent = `${(share * 100).toFixed(1)} %`.padStart(7);
  const remarks = [
    `receiver ${receiver === 'awake' ? 'awake' : `sleeps (${receiver})`}`,
    ...(isStalled ? ['STALLED: the sender waits for room'] : []),
    ...(isClosed ? ['said goodbye'] : []),
  ];
  return `${bar} ${percent} ${`${formatBytes(bytesPerSecond)}/s`.padStart(12)}  ${remarks.join(', ')}`;
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
