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

/** One line for people. */
export function tell(terminal: Terminal, line: string): void {
  terminal.errors.write(`${line}\n`);
}

/** One line of result. */
export function print(terminal: Terminal, line: string): void {
  terminal.output.write(`${line}\n`);
}

/**
 * Text of a peer as it may be shown: what could command a terminal (control characters, bidirectional marks) is escaped.
 * Tabs stay.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (character) =>
    character === '\t' ? character : `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
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
