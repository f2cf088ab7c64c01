import { crc32 } from 'node:zlib';

/** Returns the message of `length` bytes for a seed. Both sides of a test can make it. */
export function messageOf(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  fillMessage(bytes, seed);
  return bytes;
}

/** Writes the message for a seed into `bytes`. */
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

/** Returns a message's length and checksum, which is short enough to compare and show thousands of them. */
export function labelOf(bytes: Uint8Array): string {
  return `${bytes.length}:${crc32(bytes).toString(16)}`;
}

/** Returns the label of the message that `messageOf` makes. */
export function expectedLabel(length: number, seed: number): string {
  return labelOf(messageOf(length, seed));
}

/** A row of messages. The lengths repeat in order, and the seeds count up. */
export interface MessageRow {
  /** The lengths of the messages, in bytes. */
  readonly lengths: readonly number[];
  /** The number of messages. @default one of each length */
  readonly count?: number;
  /** The seed of the first message. @default 1 */
  readonly seed?: number;
}

/** Returns the number of messages of a row. */
export function countOf(row: MessageRow): number {
  return row.count ?? row.lengths.length;
}

/** Returns the `index`th message of a row. */
export function rowMessage(row: MessageRow, index: number): Uint8Array {
  return messageOf(row.lengths[index % row.lengths.length]!, (row.seed ?? 1) + index);
}

/** The messages that arrived, in order: counts, a digest of all, and the label of each up to a limit. */
export class Tally {
  /** The largest number of labels. */
  static readonly maxLabels = 20_000;
  /** The number of messages that arrived. */
  count = 0;
  /** Their total number of bytes. */
  bytes = 0;
  /** The label of each message, in order of arrival. */
  readonly labels: string[] = [];
  #digest = 0x811c9dc5;

  /** Adds a message. The message may change afterwards. */
  add(message: Uint8Array): void {
    this.count += 1;
    this.bytes += message.length;
    this.#digest = (Math.imul(this.#digest, 0x01000193) ^ crc32(message) ^ message.length) >>> 0;
    if (this.labels.length < Tally.maxLabels) this.labels.push(labelOf(message));
  }

  /** Returns the counts and the digest so far. */
  summary(): TallySummary {
    return { count: this.count, bytes: this.bytes, digest: this.#digest };
  }
}

/** The messages that arrived, in a form for another process. */
export interface TallySummary {
  /** The number of messages. */
  readonly count: number;
  /** Their total number of bytes. */
  readonly bytes: number;
  /** Depends on every byte, on the boundaries and on the order. */
  readonly digest: number;
}

/** Returns the correct tally of a receiver after these rows. */
export function summaryOf(...rows: readonly MessageRow[]): TallySummary {
  const tally = new Tally();
  for (const row of rows) for (let index = 0; index < countOf(row); index += 1) tally.add(rowMessage(row, index));
  return tally.summary();
}

/** Returns the labels of the rows' messages, in order. */
export function labelsOf(...rows: readonly MessageRow[]): string[] {
  return rows.flatMap((row) => Array.from({ length: countOf(row) }, (_, index) => labelOf(rowMessage(row, index))));
}
