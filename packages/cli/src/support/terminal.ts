import { printable } from '@entropynet/core';

/** Where a command reads and writes; the process's own, save in tests. */
export interface Terminal {
  readonly input: NodeJS.ReadStream;
  /** Results only, so that a program may read them. */
  readonly output: NodeJS.WriteStream;
  /** Everything that is for people: progress, who came and went, errors. */
  readonly errors: NodeJS.WriteStream;
  /** Aborted when the user interrupts the command. */
  readonly interrupted: AbortSignal;
}

/** Whole texts are shown; what is too long is cut where it comes in. */
const WHOLE = Number.POSITIVE_INFINITY;

/**
 * One line for people. Whatever is in it, a peer's words, a file's name, a process's command line, can't command the
 * terminal: every line that a command writes goes through here, `print` or `printJson`.
 */
export function tell(terminal: Terminal, line: string): void {
  terminal.errors.write(`${lineOf(line)}\n`);
}

/** One line of result, made printable as by `tell`. */
export function print(terminal: Terminal, line: string): void {
  terminal.output.write(`${lineOf(line)}\n`);
}

/** A value as JSON. Characters that could command a terminal are escaped as JSON escapes them, so that nothing is lost. */
export function printJson(terminal: Terminal, value: unknown, indent?: number): void {
  const text = JSON.stringify(value, undefined, indent).replace(/[^\n -~]/gu, (character) =>
    printable(character) === character ? character : escaped(character),
  );
  terminal.output.write(`${text}\n`);
}

/** Foreign text as one line, of any length. Tabs stay: they command nothing. */
export function lineOf(text: string): string {
  return text
    .split('\t')
    .map((part) => printable(part, WHOLE))
    .join('\t');
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_unused, index) => character.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

/** Bytes in the unit that a person would use. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

/** A duration in the unit that a person would use. */
export function formatMicroseconds(microseconds: number): string {
  if (microseconds < 1000) return `${microseconds.toFixed(microseconds < 10 ? 2 : 1)} µs`;
  if (microseconds < 1_000_000) return `${(microseconds / 1000).toFixed(2)} ms`;
  return `${(microseconds / 1_000_000).toFixed(2)} s`;
}
