import type { RunResult } from './messages.js';

const COLUMNS = ['transport', 'messages/s', 'MB/s', 'control p50', 'control p99', 'lost', 'hash'] as const;

/** The closing table and, below it, why a run did not get the transport that comes first. At most 80 columns. */
export function formatTable(runs: readonly RunResult[]): string {
  const rows = [COLUMNS, ...runs.map(rowOf)];
  const widths = COLUMNS.map((_name, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  const [head = '', ...body] = rows.map(line);
  return [head, '─'.repeat(head.length), ...body, ...runs.flatMap(reasonsOf), ''].join('\n');
}

function rowOf(run: RunResult): string[] {
  return [
    run.transport,
    Math.round(run.messages / run.seconds).toLocaleString('en'),
    (run.bytes / 1e6 / run.seconds).toFixed(0),
    `${run.controlLatencyUs.p50.toFixed(0)} µs`,
    `${run.controlLatencyUs.p99.toFixed(0)} µs`,
    String(run.lost),
    run.sha256Match ? 'equal' : 'DIFFERS',
  ];
}

function reasonsOf({ transport, selection }: RunResult): string[] {
  return selection.passedOver.map(({ backend, reason }) =>
    wrap(`${transport} was taken because ${backend} was passed over: ${reason}`),
  );
}

/** Breaks a sentence into lines of at most 78 characters, indented by two. */
function wrap(text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1] ?? '';
    if (last.length + word.length + 1 > 76) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return `\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
