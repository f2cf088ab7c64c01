import { crc32 } from 'node:zlib';

/** The message of `length` bytes that `seed` stands for: both sides of a test can make it. */
export function messageOf(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  fillMessage(bytes, seed);
  return bytes;
}

/** Writes the message that `seed` stands for into `bytes`. */
export function fillMessage(bytes: Uint8Array, seed: number): void {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x85ebca6b) >>> 0 || 1;
  for (let index = 0; index < bytes.length; index += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = state;
    bytes[index + 1] = state >>> 8;
    bytes[index + 2] = state >>> 16;
    bytes[index + 3] = state >>> 24;
  }
}

/** A message's length and checksum, short enough to be compared and shown in thousands. */
export function labelOf(bytes: Uint8Array): string {
  return `${bytes.length}:${crc32(bytes).toString(16)}`;
}

/** The label of the message that `messageOf` makes. */
export function expectedLabel(length: number, seed: number): string {
  return labelOf(messageOf(length, seed));
}

/** A row of messages: the lengths are taken in turn, the seeds count up. */
export interface MessageRow {
  readonly lengths: readonly number[];
  readonly count?: number;
  /** @default 1 */
  readonly seed?: number;
}

export function countOf(row: MessageRow): number {
  return row.count ?? row.lengths.length;
}

/** The `index`th message of a row. */
export function rowMessage(row: MessageRow, index: number): Uint8Array {
  return messageOf(row.lengths[index % row.lengths.length]!, (row.seed ?? 1) + index);
}

/** What arrived, in order: counts, a digest of everything and, while they are few, the label of each. */
export class Tally {
  static readonly maxLabels = 20_000;
  count = 0;
  bytes = 0;
  readonly labels: string[] = [];
  #digest = 0x811c9dc5;

  add(message: Uint8Array): void {
    this.count += 1;
    this.bytes += message.length;
    this.#digest = (Math.imul(this.#digest, 0x01000193) ^ crc32(message) ^ message.length) >>> 0;
    if (this.labels.length < Tally.maxLabels) this.labels.push(labelOf(message));
  }

  summary(): TallySummary {
    return { count: this.count, bytes: this.bytes, digest: this.#digest };
  }
}

export interface TallySummary {
  readonly count: number;
  readonly bytes: number;
  /** Depends on every byte, on boundaries and on order. */
  readonly digest: number;
}

/** What a receiver's tally must be after these rows. */
export function summaryOf(...rows: readonly MessageRow[]): TallySummary {
  const tally = new Tally();
  for (const row of rows) for (let index = 0; index < countOf(row); index += 1) tally.add(rowMessage(row, index));
  return tally.summary();
}

/** The labels of the rows' messages, in order. */
export function labelsOf(...rows: readonly MessageRow[]): string[] {
  return rows.flatMap((row) => Array.from({ length: countOf(row) }, (_, index) => labelOf(rowMessage(row, index))));
}
