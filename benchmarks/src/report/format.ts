import type { Result } from '../measurement.js';

/** A figure as people read it. */
export function formatValue(value: number, unit: Result['unit']): string {
  if (Number.isNaN(value)) return '–';
  switch (unit) {
    case '/s':
      return value >= 1e6
        ? `${(value / 1e6).toFixed(2)} M/s`
        : value >= 1e4
          ? `${(value / 1e3).toFixed(0)} k/s`
          : `${value.toFixed(0)} /s`;
    case 'B/s':
      return value >= 1e9 ? `${(value / 1e9).toFixed(2)} GB/s` : `${(value / 1e6).toFixed(1)} MB/s`;
    case 'B':
      return value >= 10_240 ? `${(value / 1024).toFixed(0)} KiB` : `${value.toFixed(0)} B`;
    case 'ns':
      return `${value.toFixed(0)} ns`;
    case 'count':
      return value.toFixed(value >= 10 ? 0 : 1);
    default:
      return `${value.toFixed(value >= 1000 ? 0 : 2)} ${unit}`;
  }
}

export function formatRatio(value: number): string {
  return `${value.toFixed(value >= 10 ? 1 : 2)} ×`;
}

/** A table with its first column to the left and the others to the right. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  return [line(head), '─'.repeat(line(head).length), ...rows.map(line)].join('\n');
}
