import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { randomBytes } from 'node:crypto';
import { type ConnectionHandle } from '@entropynet/manager';
import { type Command } from 'commander';
import { CommandFailure } from '../support/command-failure.js';
import {
  addClientOptions,
  addConnectionOptions,
  configOf,
  connectTo,
  type ConnectionOptions,
  wholeNumber,
  withManager,
} from '../support/connection-options.js';
import { formatMicroseconds, print, printJson, tell, type Terminal } from '../support/terminal.js';

interface PingOptions extends ConnectionOptions {
  readonly count: number;
  readonly interval: number;
  readonly size: number;
  readonly json?: true;
}

/** What `--json` prints; durations in microseconds. */
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
const REPLY_LIMIT_MS = 5000;
const REDRAW_MS = 200;

/** `entropynet ping`: round trips to a peer that sends everything back. */
export function addPing(program: Command, terminal: Terminal): void {
  addClientOptions(addConnectionOptions(program.command('ping')))
    .description('Measure round trips to a peer that sends everything back, one after the other.')
    .option('-n, --count <number>', 'how many round trips', wholeNumber(1), 10)
    .option('-i, --interval <ms>', 'how long after the start of one the next starts; 0: at once', wholeNumber(0), 200)
    .option('--size <bytes>', `bytes of a message, from ${NUMBER_BYTES} on`, wholeNumber(NUMBER_BYTES), 64)
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
    const histogram = createHistogram();
    const view = new LiveView(terminal, histogram, options);
    const sent = await measure(terminal, handle, histogram, options, view);
    view.end();
    if (histogram.count === 0) throw new CommandFailure('no reply: interrupted before the first one');
    const report = reportOf(handle, endpoint, options, sent, histogram);
    if (options.json === true) printJson(terminal, report, 2);
    else showReport(terminal, report, histogram);
  });
}

async function measure(
  terminal: Terminal,
  handle: ConnectionHandle,
  histogram: RecordableHistogram,
  { count, interval, size }: PingOptions,
  view: LiveView,
): Promise<number> {
  const message = randomBytes(size);
  const replies = new Replies(handle);
  let sent = 0;
  while (sent < count && !terminal.interrupted.aborted) {
    const start = process.hrtime.bigint();
    sent += 1;
    message.writeBigUInt64LE(BigInt(sent));
    const reply = replies.next(message);
    const accepted = handle.trySend(message);
    if (!accepted.ok) throw new CommandFailure(`not sent: ${accepted.error.message} (${accepted.error.code})`);
    await reply;
    const nanoseconds = process.hrtime.bigint() - start;
    histogram.record(nanoseconds > 0n ? nanoseconds : 1n);
    view.note(sent, Number(nanoseconds) / 1000);
    const rest = interval - Number(nanoseconds) / 1e6;
    if (rest > 0 && sent < count) await pause(rest, terminal.interrupted);
    // A receiver that answers at once would keep signals and the redrawn lines waiting.
    else if (sent % 1024 === 0) await new Promise(setImmediate);
  }
  return sent;
}

/** Takes the replies: each has to be the message that was sent last. */
class Replies {
  #expected: Buffer | undefined;
  #resolve: () => void = () => undefined;
  #reject: (reason: CommandFailure) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(handle: ConnectionHandle) {
    handle.setMessageCallback(
      (data) => {
        if (this.#expected === undefined) return;
        if (!this.#expected.equals(data))
          this.#fail('the peer sent something else than it got: is it "entropynet listen --echo"?');
        else this.#settle();
      },
      { ownership: 'borrow' },
    );
    handle.on('state', (state, error) => {
      if (state === 'failed') this.#fail(`the connection failed: ${error?.message ?? 'no reason is known'}`);
      if (state === 'disconnected') this.#fail('the peer left');
    });
  }

  /** Resolves when `message` comes back. */
  next(message: Buffer): Promise<void> {
    this.#expected = message;
    this.#timer ??= setTimeout(() => {
      this.#fail(
        `no reply within ${REPLY_LIMIT_MS} ms: does the peer send messages back ("entropynet listen --echo")?`,
      );
    }, REPLY_LIMIT_MS);
    this.#timer.refresh();
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  #settle(): void {
    this.#expected = undefined;
    this.#timer?.unref();
    this.#resolve();
  }

  #fail(sentence: string): void {
    if (this.#expected === undefined) return;
    this.#expected = undefined;
    clearTimeout(this.#timer);
    this.#reject(new CommandFailure(sentence));
  }
}

/** While it runs: a line a reply, or, where replies come fast and a person looks on, a histogram that is drawn anew. */
class LiveView {
  readonly #terminal: Terminal;
  readonly #histogram: RecordableHistogram;
  readonly #options: PingOptions;
  readonly #isDrawn: boolean;
  #drawnAt = 0;
  #lines = 0;

  constructor(terminal: Terminal, histogram: RecordableHistogram, options: PingOptions) {
    this.#terminal = terminal;
    this.#histogram = histogram;
    this.#options = options;
    this.#isDrawn = terminal.errors.isTTY && options.interval < REDRAW_MS;
  }

  note(number: number, microseconds: number): void {
    if (this.#options.json === true) return;
    if (this.#isDrawn) {
      if (performance.now() - this.#drawnAt < REDRAW_MS) return;
      this.#drawnAt = performance.now();
      this.#draw(number);
    } else if (this.#options.interval >= REDRAW_MS) {
      tell(this.#terminal, `${this.#options.size} bytes: number ${number}, ${formatMicroseconds(microseconds)}`);
    }
  }

  /** Takes the drawing away; the report follows. */
  end(): void {
    if (this.#lines > 0) this.#terminal.errors.write(`\u001b[${this.#lines}A\u001b[J`);
    this.#lines = 0;
  }

  #draw(number: number): void {
    this.end();
    const lines = [`${number} of ${this.#options.count} round trips`, ...barsOf(this.#histogram)];
    this.#terminal.errors.write(`${lines.join('\n')}\n`);
    this.#lines = lines.length;
  }
}

const PERCENTILES = [50, 90, 99, 99.9] as const;
const BAR_CHARACTERS = 40;
const BUCKETS = 10;

function reportOf(
  handle: ConnectionHandle,
  endpoint: string,
  { size }: PingOptions,
  sent: number,
  histogram: RecordableHistogram,
): PingReport {
  const [p50, p90, p99, p999] = PERCENTILES.map((percent) => histogram.percentile(percent) / 1000);
  return {
    endpoint,
    backend: handle.getBackend() ?? '',
    size,
    sent,
    received: histogram.count,
    minimum: histogram.min / 1000,
    mean: Math.round(histogram.mean) / 1000,
    maximum: histogram.max / 1000,
    percentiles: { 50: p50!, 90: p90!, 99: p99!, 99.9: p999! },
  };
}

function showReport(terminal: Terminal, report: PingReport, histogram: RecordableHistogram): void {
  for (const bar of barsOf(histogram)) print(terminal, bar);
  const parts = Object.entries(report.percentiles).map(
    ([percent, value]) => `p${percent} ${formatMicroseconds(value)}`,
  );
  print(terminal, `${report.received} of ${report.sent} came back, ${report.size} bytes each, over ${report.backend}`);
  print(
    terminal,
    `${parts.join(', ')}, least ${formatMicroseconds(report.minimum)}, most ${formatMicroseconds(report.maximum)}`,
  );
}

/** The distribution as bars, each limit a tenth of the way, in the logarithm, from the least to the 99.9th percentile. */
function barsOf(histogram: RecordableHistogram): string[] {
  const least = Math.log(Math.max(histogram.min, 1));
  const most = Math.log(Math.max(histogram.percentile(99.9), histogram.min + 1, 2));
  // From percentile to value, in order of value.
  const steps = [...histogram.percentiles].sort(([, a], [, b]) => a - b);
  const shareUpTo = (limit: number): number => {
    const percents = steps.filter(([, value]) => value <= limit).map(([percent]) => percent);
    return percents.length === 0 ? 0 : Math.max(...percents);
  };
  let before = 0;
  return Array.from({ length: BUCKETS }, (_unused, index) => {
    const limit = Math.exp(least + ((most - least) * (index + 1)) / BUCKETS);
    const share = index === BUCKETS - 1 ? 100 : shareUpTo(limit);
    const bar = '█'.repeat(Math.round(((share - before) / 100) * BAR_CHARACTERS));
    const line = `${`up to ${formatMicroseconds(limit / 1000)}`.padStart(18)} ${(share - before).toFixed(1).padStart(5)} % ${bar}`;
    before = share;
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
