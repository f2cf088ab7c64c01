import { execFileSync } from 'node:child_process';
import { cpus, release } from 'node:os';

/** The medians of one subject. */
export interface Figures {
  readonly subject: string;
  readonly roundTripUs: { readonly p50: number; readonly p99: number };
  readonly messagesPerSecond: number;
}

/** Calls into the addon during a stretch in which both sides were awake. */
export interface NativeCallFigures {
  readonly roundTrips: number;
  readonly driverCalls: number;
  readonly peerCalls: number;
}

/** Where the figures are from. */
export function machine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? 'unknown processor';
  return `${model}, ${processors.length} cores, kernel ${release()}, Node ${process.version}, commit ${commit()}`;
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}

export function formatTable(figures: readonly Figures[], reference: string): string {
  const base = figures.find(({ subject }) => subject === reference);
  const rows = figures.map(({ subject, roundTripUs, messagesPerSecond }) => [
    subject,
    roundTripUs.p50.toFixed(2),
    roundTripUs.p99.toFixed(2),
    base === undefined ? '' : `${(base.roundTripUs.p50 / roundTripUs.p50).toFixed(1)} ×`,
    (messagesPerSecond / 1e6).toFixed(2),
    base === undefined ? '' : `${(messagesPerSecond / base.messagesPerSecond).toFixed(1)} ×`,
  ]);
  const head = [
    '64-byte messages',
    'RTT p50 µs',
    'p99 µs',
    `faster than ${reference}`,
    'M msg/s',
    `rate / ${reference}`,
  ];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  return [line(head), '─'.repeat(line(head).length), ...rows.map(line)].join('\n');
}

export function formatNativeCalls({ roundTrips, driverCalls, peerCalls }: NativeCallFigures): string {
  const each = ((driverCalls + peerCalls) / (4 * roundTrips)).toFixed(5);
  return (
    `Native calls with both sides awake (wait: spin), driver and peer: ${driverCalls} and ${peerCalls} in ${roundTrips.toLocaleString('en')} round trips ` +
    `(${each} per message sent or received).`
  );
}
