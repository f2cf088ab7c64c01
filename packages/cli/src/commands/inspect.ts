import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { type RatedRegion, type RatedRing, serveInspector, withRates } from '@entropynet/inspector';
import { type InspectedProcess, inspectSharedMemory, type SharedMemorySnapshot } from '@entropynet/transport-shm';
import { type Command } from 'commander';
import { CommandFailure, ExitCode, expectOk } from '../support/command-failure.js';
import { LONGEST_MS, wholeNumber } from '../support/connection-options.js';
import { Drawing } from '../support/drawing.js';
import { checkDirectory } from '../support/paths.js';
import { formatBytes, print, printJson, tell, type Terminal } from '../support/terminal.js';

interface InspectCommandOptions {
  readonly directory?: string;
  readonly interval: number;
  readonly once?: true;
  readonly json?: true;
  readonly web?: true;
  readonly port?: number;
}

/** The shown state: a snapshot, with rates since the one before. */
interface RatedSnapshot extends Omit<SharedMemorySnapshot, 'regions'> {
  readonly regions: readonly RatedRegion[];
}

/** `entropynet inspect` shows the servers and connections through shared memory on this machine. */
export function addInspect(program: Command, terminal: Terminal): void {
  program
    .command('inspect')
    .description('Show the shared-memory servers and connections of this user, live, without disturbing them.')
    .option('--directory <path>', 'the directory with the servers of this machine')
    .option(
      '-i, --interval <ms>',
      'the time between two updates, over which rates are measured',
      wholeNumber(50, LONGEST_MS),
      1000,
    )
    .option('-1, --once', 'print once and end; the default if the output is not a terminal')
    .option('--json', 'print one JSON object')
    .option('-w, --web', 'show a page on this machine, with the reports of processes that run an agent')
    .option('-p, --port <number>', 'the port of the page; without it, any free port', wholeNumber(1, 65_535))
    .addHelpText(
      'after',
      `
Example:
  entropynet inspect --once
  entropynet inspect --web`,
    )
    .action(async (options: InspectCommandOptions) => {
      checkPage(options);
      checkDirectory(options.directory);
      await (options.web === true ? inspectInPage(terminal, options) : inspect(terminal, options));
    });
}

/** Refuses options that would be ignored with the page, or without it. */
function checkPage({ web, port, once: isOnce }: InspectCommandOptions): void {
  if (web !== true && port !== undefined) throw new CommandFailure('--port needs --web', ExitCode.Usage);
  if (web === true && isOnce === true)
    throw new CommandFailure('--web and --once exclude each other: the page is live', ExitCode.Usage);
}

async function inspectInPage(
  terminal: Terminal,
  { directory, interval, json, port }: InspectCommandOptions,
): Promise<void> {
  const inspector = expectOk(
    await serveInspector({
      intervalMs: interval,
      ...(directory !== undefined && { directory }),
      ...(port !== undefined && { port }),
    }),
  );
  const { address, obstacle } = inspector;
  if (json === true) printJson(terminal, { address });
  else print(terminal, address);
  tell(
    terminal,
    'Open this address in a browser on this machine. Everybody with this address sees everything. Ctrl+C ends the page.',
  );
  if (obstacle !== undefined) tell(terminal, `Processes can't report: ${obstacle}`);
  if (!terminal.interrupted.aborted) await once(terminal.interrupted, 'abort');
  await inspector.close();
}

async function inspect(terminal: Terminal, options: InspectCommandOptions): Promise<void> {
  const look = (): SharedMemorySnapshot =>
    expectOk(inspectSharedMemory(options.directory === undefined ? {} : { directory: options.directory }));
  const isLive = terminal.output.isTTY && options.once !== true && options.json !== true;
  let before = look();
  const drawing = new Drawing(terminal.output, '; --once shows all');
  do {
    await pause(options.interval, undefined, { signal: terminal.interrupted }).catch(() => undefined);
    if (terminal.interrupted.aborted) break;
    const now = look();
    const rated = { ...now, regions: withRates(before, now) };
    before = now;
    if (options.json === true) {
      printJson(terminal, rated, 2);
      continue;
    }
    const lines = linesOf(rated);
    if (isLive) drawing.draw(lines);
    else for (const line of lines) print(terminal, line);
  } while (isLive);
}

function linesOf({ directory, servers, regions, unreadable, at }: RatedSnapshot): string[] {
  const lines = [`${directory}: ${countOf(servers.length, 'server')}, ${countOf(regions.length, 'connection')}`];
  for (const { nameHash, process, maxConnections, isShared, slot, library } of servers) {
    const who = process === undefined ? 'dead; "entropynet clean" removes its files' : describe(process, library, at);
    const place = isShared ? `, shares its name (slot ${slot})` : '';
    lines.push(`server ${nameHash}${place}, at most ${countOf(maxConnections, 'connection')}: ${who}`);
  }
  for (const region of regions) {
    const age = region.madeAt === undefined ? '' : ` for ${formatDuration(at - region.madeAt)}`;
    lines.push(`connection ${region.key}, ${formatBytes(region.size)}${age}`);
    lines.push(`  server ${describe(region.server, region.serverLibrary, at)}`);
    lines.push(`  client ${describe(region.client, region.clientLibrary, at)}`);
    lines.push(`  to client ${describeRing(region.toClient)}`, `  to server ${describeRing(region.toServer)}`);
  }
  for (const { key, size, processes, reason } of unreadable) {
    const who = processes.map((each) => describe(each, undefined, at)).join(', ');
    lines.push(`region ${key}, ${formatBytes(size)}, can't be read: ${reason}: ${who}`);
  }
  return lines;
}

/** @param library its language and version; undefined for an older release */
function describe(process: InspectedProcess | undefined, library: string | undefined, at: number): string {
  const speaks = library === undefined ? '' : `, ${library}`;
  if (process === undefined) return `unknown${speaks}: it ended, or it is in another process namespace`;
  const age = process.startedAt === undefined ? '' : ` since ${formatDuration(at - process.startedAt)}`;
  return `${process.id}${age}${speaks}: ${process.command}`;
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
