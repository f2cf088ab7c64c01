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
  /** The lengths of the messages, in bytes. */
  readonly lengths: readonly number[];
  /** How many messages. @default one of each length */
  readonly count?: number;
  /** The seed of the first message. @default 1 */
  readonly seed?: number;
}

/** How many messages a row has. */
export function countOf(row: MessageRow): number {
  return row.count ?? row.lengths.length;
}

/** The `index`th message of a row. */
export function rowMessage(row: MessageRow, index: number): Uint8Array {
  return messageOf(row.lengths[index % row.lengths.length]!, (row.seed ?? 1) + index);
}

/** What arrived, in order: counts, a digest of everything and, while they are few, the label of each. */
export class Tally {
  /** From this count on, no more labels are kept. */
  static readonly maxLabels = 20_000;
  /** How many messages arrived. */
  count = 0;
  /** Their bytes together. */
  bytes = 0;
  /** The label of each message, in order of arrival. */
  readonly labels: string[] = [];
  #digest = 0x811c9dc5;

  /** Adds a message, which may change afterwards. */
  add(message: Uint8Array): void {
    this.count += 1;
    this.bytes += message.length;
    this.#digest = (Math.imul(this.#digest, 0x01000193) ^ crc32(message) ^ message.length) >>> 0;
    if (this.labels.length < Tally.maxLabels) this.labels.push(labelOf(message));
  }

  /** What has arrived so far. */
  summary(): TallySummary {
    return { count: this.count, bytes: this.bytes, digest: this.#digest };
  }
}

/** What arrived, short enough to be sent to another process. */
export interface TallySummary {
  /** How many messages. */
  readonly count: number;
  /** Their bytes together. */
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
