import { printable } from '@entropynet/core';

/** The streams of a command; those of the process, except in tests. */
export interface Terminal {
  readonly input: NodeJS.ReadStream;
  /** Only results, so that a program may read them. */
  readonly output: NodeJS.WriteStream;
  /** Text for people: progress, clients that come and go, errors. */
  readonly errors: NodeJS.WriteStream;
  /** Aborted when the user interrupts the command. */
  readonly interrupted: AbortSignal;
}

/** No limit: a text that is too long is shortened at its source. */
const WHOLE = Number.POSITIVE_INFINITY;

/**
 * Prints one line for people. Every line of a command goes through this function, `print`, `printJson` or `fitted`, so
 * that no content (a peer's text, a file's name, a process's command line) can control the terminal.
 */
export function tell(terminal: Terminal, line: string): void {
  terminal.errors.write(`${lineOf(line)}\n`);
}

/**
 * Prints one line of the result, made printable like in `tell`.
 * @returns false if the line waits in the memory of this process: see `roomIn`
 */
export function print(terminal: Terminal, line: string): boolean {
  return terminal.output.write(`${lineOf(line)}\n`);
}

/** The present waits for room, so that many connections add only one listener to a stream. */
const waits = new WeakMap<NodeJS.WriteStream, Promise<void>>();

/** Resolves when a stream has written everything that waited; at once if nothing waits. */
export async function roomIn(stream: NodeJS.WriteStream): Promise<void> {
  if (!stream.writableNeedDrain) return;
  const waiting =
    waits.get(stream) ??
    new Promise<void>((resolve) => {
      stream.once('drain', () => {
        waits.delete(stream);
        resolve();
      });
    });
  waits.set(stream, waiting);
  await waiting;
}

/**
 * Prints a value as JSON. Characters that could control a terminal become escapes of JSON, so that no information is
 * lost.
 */
export function printJson(terminal: Terminal, value: unknown, indent?: number): void {
  const text = JSON.stringify(value, undefined, indent).replace(/[^\n -~]/gu, (character) =>
    printable(character) === character ? character : escaped(character),
  );
  terminal.output.write(`${text}\n`);
}

/** Returns foreign text as one line, of any length. Tabs stay, because they control nothing. */
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

/** Returns bytes in a unit for people. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

/** Returns a duration in a unit for people. */
export function formatMicroseconds(microseconds: number): string {
  if (microseconds < 1000) return `${microseconds.toFixed(microseconds < 10 ? 2 : 1)} µs`;
  if (microseconds < 1_000_000) return `${(microseconds / 1000).toFixed(2)} ms`;
  return `${(microseconds / 1_000_000).toFixed(2)} s`;
}
