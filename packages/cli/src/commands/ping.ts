import { clearTimeout, setTimeout } from 'node:timers';
import { randomBytes } from 'node:crypto';
import { redactEndpoint } from '@entropynet/core';
import { monotonicNow, startTurn } from '@entropynet/core/platform';
import { type ConnectionHandle } from '@entropynet/manager';
import { type Command } from 'commander';
import { CommandFailure } from '../support/command-failure.js';
import { configOf } from '../support/connection-config.js';
import {
  addClientOptions,
  addConnectionOptions,
  connectTo,
  type ConnectionOptions,
  LONGEST_MS,
  wholeNumber,
  withManager,
} from '../support/connection-options.js';
import { Drawing } from '../support/drawing.js';
import { Latencies } from '../support/latencies.js';
import { RoundTrips } from '../support/round-trips.js';
import { formatMicroseconds, print, printJson, tell, type Terminal } from '../support/terminal.js';

interface PingOptions extends ConnectionOptions {
  readonly count: number;
  readonly interval: number;
  readonly size: number;
  readonly json?: true;
}

/** The output of `--json`. Durations are in microseconds. */
interface PingReport {
  readonly endpoint: string;
  readonly backend: string;
  readonly size: number;
  readonly sent: number;
  readonly received: number;
  readonly minimum: number;
  readonly mean: number;
  readonly maximum: number;
  readonly percentiles: Readonly<Record<'50' | '90' | '99' | '99.9', number>>;
}

const NUMBER_BYTES = 8;
/** More than any `maxMessageSize` allows. */
const MOST_BYTES = 1024 ** 3;
const REDRAW_MS = 200;

/** `entropynet ping` measures round trips to a peer that sends every message back. */
export function addPing(program: Command, terminal: Terminal): void {
  addClientOptions(addConnectionOptions(program.command('ping')))
    .description('Measure round trips, one after the other, to a peer that sends each message back.')
    .option('-n, --count <number>', 'how many round trips', wholeNumber(1), 10)
    .option(
      '-i, --interval <ms>',
      'the time between the starts of two round trips; 0: no pause',
      wholeNumber(0, LONGEST_MS),
      200,
    )
    .option('--size <bytes>', `bytes of a message, at least ${NUMBER_BYTES}`, wholeNumber(NUMBER_BYTES, MOST_BYTES), 64)
    .option('--json', 'print one JSON object, durations in microseconds')
    .addHelpText(
      'after',
      `
Example, with "entropynet listen echo --echo" in another terminal:
  entropynet ping echo --count 100000 --interval 0`,
    )
    .action((endpoint: string, options: PingOptions) => ping(terminal, endpoint, options));
}

async function ping(terminal: Terminal, endpoint: string, options: PingOptions): Promise<void> {
  const config = configOf(endpoint, options);
  await withManager(terminal, async (manager) => {
    const handle = await connectTo(terminal, manager, config);
    const latencies = new Latencies();
    const view = new LiveView(terminal, latencies, options);
    const { sent, failure } = await measure(terminal, handle, latencies, options, view);
    view.end();
    // The report also follows an interruption, or the end of the peer, because the measured values count.
    if (latencies.count > 0) {
      const report = reportOf(handle, endpoint, options, sent, latencies);
      if (options.json === true) printJson(terminal, report, 2);
      else showReport(terminal, report, latencies);
    }
    if (failure !== undefined) throw failure;
    if (latencies.count === 0) tell(terminal, `no reply to ${sent} messages: interrupted before the first one`);
  });
}

async function measure(
  terminal: Terminal,
  handle: ConnectionHandle,
  latencies: Latencies,
  { count, interval, size }: PingOptions,
  view: LiveView,
): Promise<{ sent: number; failure?: CommandFailure }> {
  const message = randomBytes(size);
  const trips = new RoundTrips(handle, terminal.interrupted);
  try {
    while (trips.sent < count && !terminal.interrupted.aborted) {
      const start = process.hrtime.bigint();
      message.writeBigUInt64LE(BigInt(trips.sent + 1));
      if (!(await trips.next(message))) break;
      const nanoseconds = Math.max(Number(process.hrtime.bigint() - start), 1);
      const { sent } = trips;
      latencies.record(nanoseconds);
      view.note(sent, nanoseconds / 1000);
      const rest = interval - nanoseconds / 1e6;
      if (rest > 0 && sent < count) await pause(rest, terminal.interrupted);
      // With a receiver that answers at once, this pause lets signals and redrawn lines through.
      else if (sent % 1024 === 0) await new Promise<void>(startTurn);
    }
    return { sent: trips.sent };
  } catch (error) {
    if (error instanceof CommandFailure) return { sent: trips.sent, failure: error };
    throw error;
  } finally {
    trips.end();
  }
}

/**
 * The output during the run: a line for each reply or, on a terminal with fast replies, a distribution that is redrawn.
 */
class LiveView {
  readonly #terminal: Terminal;
  readonly #latencies: Latencies;
  readonly #options: PingOptions;
  readonly #isDrawn: boolean;
  readonly #drawing: Drawing;
  #drawnAt = 0;

  constructor(terminal: Terminal, latencies: Latencies, options: PingOptions) {
    this.#terminal = terminal;
    this.#latencies = latencies;
    this.#options = options;
    this.#drawing = new Drawing(terminal.errors);
    this.#isDrawn = terminal.errors.isTTY && options.interval < REDRAW_MS;
  }

  note(number: number, microseconds: number): void {
    if (this.#options.json === true) return;
    if (this.#isDrawn) {
      if (monotonicNow() - this.#drawnAt < REDRAW_MS) return;
      this.#drawnAt = monotonicNow();
      this.#drawing.draw([`${number} of ${this.#options.count} round trips`, ...barsOf(this.#latencies)]);
    } else if (this.#options.interval >= REDRAW_MS) {
      tell(this.#terminal, `${this.#options.size} bytes: number ${number}, ${formatMicroseconds(microseconds)}`);
    }
  }

  /** Removes the drawing. The report follows. */
  end(): void {
    this.#drawing.remove();
  }
}

const PERCENTILES = [50, 90, 99, 99.9] as const;
/** Short enough that a line fits in 50 columns if nearly all values are in one bar. */
const BAR_CHARACTERS = 20;

function reportOf(
  handle: ConnectionHandle,
  endpoint: string,
  { size }: PingOptions,
  sent: number,
  latencies: Latencies,
): PingReport {
  const [p50, p90, p99, p999] = PERCENTILES.map((percent) => latencies.percentile(percent) / 1000);
  return {
    endpoint: redactEndpoint(endpoint),
    backend: handle.getBackend() ?? '',
    size,
    sent,
    received: latencies.count,
    minimum: latencies.least / 1000,
    mean: Math.round(latencies.mean) / 1000,
    maximum: latencies.most / 1000,
    percentiles: { 50: p50!, 90: p90!, 99: p99!, 99.9: p999! },
  };
}

function showReport(terminal: Terminal, report: PingReport, latencies: Latencies): void {
  for (const bar of barsOf(latencies)) print(terminal, bar);
  const parts = Object.entries(report.percentiles).map(
    ([percent, value]) => `p${percent} ${formatMicroseconds(value)}`,
  );
  print(terminal, `${report.received} of ${report.sent} came back, ${report.size} bytes each, over ${report.backend}`);
  print(
    terminal,
    `${parts.join(', ')}, least ${formatMicroseconds(report.minimum)}, most ${formatMicroseconds(report.maximum)}`,
  );
}

/** Returns the distribution as bars. Each line counts the values above the limit before it, up to its own limit. */
function barsOf(latencies: Latencies): string[] {
  return latencies.bars().map(({ limit, count }) => {
    const share = count / latencies.count;
    const bar = '█'.repeat(Math.round(share * BAR_CHARACTERS));
    const line = `${`up to ${formatMicroseconds(limit / 1000)}`.padStart(18)} ${(share * 100).toFixed(1).padStart(5)} % ${bar}`;
    return line.trimEnd();
  });
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done, { once: true });
  });
}
