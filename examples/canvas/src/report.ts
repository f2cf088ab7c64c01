import type { RunResult } from './messages.js';
import type { Run } from './run.js';

/** A run with its outcome. */
export interface FinishedRun {
  readonly run: Run;
  readonly result: RunResult;
}

const LINE = 78;
const COLUMNS = ['run', 'transport', 'messages/s', 'MB/s', 'control p50', 'control p99', 'lost', 'hash'] as const;
const TEXT_COLUMNS = 2;

/** How many updates did not arrive once, in order and whole. */
export function lostOf({ faults }: RunResult): number {
  return faults.missing + faults.duplicated + faults.reordered + faults.damaged;
}

/** What `--json` prints. */
export function toJson(runs: readonly FinishedRun[]): string {
  const entries = runs.map(({ result }) => {
    const { transport, selection, messages, seconds, bytes, sha256Match, controlLatencyUs } = result;
    return { transport, selection, messages, lost: lostOf(result), seconds, bytes, sha256Match, controlLatencyUs };
  });
  return `${JSON.stringify({ runs: entries })}\n`;
}

/** The closing table and, below it, why each run got its transport. At most 80 columns. */
export function formatTable(runs: readonly FinishedRun[]): string {
  const rows = [COLUMNS, ...runs.map(({ result }, index) => rowOf(index + 1, result))];
  const widths = COLUMNS.map((_name, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column < TEXT_COLUMNS ? cell.padEnd(width) : cell.padStart(width);
    });
    return cells.join('  ');
  });
  const [head = '', ...body] = lines;
  const notes = runs.flatMap((finished, index) => notesOf(index + 1, finished));
  return ['', head, '─'.repeat(head.length), ...body, '', ...notes, ''].join('\n');
}

function rowOf(number: number, result: RunResult): string[] {
  return [
    String(number),
    result.transport,
    Math.round(result.messages / result.seconds).toLocaleString('en'),
    (result.bytes / 1e6 / result.seconds).toFixed(0),
    `${result.controlLatencyUs.p50.toFixed(0)} µs`,
    `${result.controlLatencyUs.p99.toFixed(0)} µs`,
    String(lostOf(result)),
    result.sha256Match ? 'equal' : 'DIFFERS',
  ];
}

function notesOf(number: number, { run, result }: FinishedRun): string[] {
  const { backend, passedOver } = result.selection;
  const asked = `backend '${run.backend}'`;
  const reasons = passedOver.map((other) => `${other.backend} was passed over, because ${other.reason}`);
  const sentences = [
    `${asked} gave ${backend}${reasons.length === 0 ? '' : `: ${reasons.join('; ')}`}`,
    ...(lostOf(result) === 0 ? [] : [describeFaults(result)]),
  ];
  return sentences.flatMap((sentence) => wrap(`${number}  `, sentence));
}

function describeFaults({ faults }: RunResult): string {
  const { missing, duplicated, reordered, damaged } = faults;
  return `of the updates ${missing} were missing, ${duplicated} doubled, ${reordered} out of order, ${damaged} damaged`;
}

/** Breaks a sentence into lines, the first behind `label`, the others below it. */
function wrap(label: string, text: string): string[] {
  const width = LINE - label.length;
  // A path can be longer than a line.
  const words = text.split(' ').flatMap((word) => word.match(new RegExp(`.{1,${width}}`, 'g')) ?? []);
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.map((line, index) => `${index === 0 ? label : ' '.repeat(label.length)}${line}`);
}
