import { freshBytes } from './bytes.js';
import { CODE_BYTES, FRAME_HEADER_BYTES, HEADER_BYTES, MAX_FRAME_BYTES } from './nats-protocol.js';

/**
 * The largest number of bytes that are collected before they are published. A receiver reads its socket in pieces of 64
 * KiB, and `@nats-io` needs several copies to join a message that is split between two of them. With short messages
 * only a few are split.
 */
export const BATCH_BYTES = 16 * 1024;

/** The bytes of a message with one frame, without the frame's payload. */
const HEADERS_BYTES = HEADER_BYTES + CODE_BYTES + FRAME_HEADER_BYTES;

/** The length of the longest message of a batch. */
export const MAX_BATCH_BYTES = BATCH_BYTES + HEADERS_BYTES;

/**
 * The largest size of the memory, including messages that the NATS server has not confirmed: two windows of the default
 * size.
 */
const MAX_KEPT_BYTES = 2 * 1024 * 1024;

/**
 * Memory of messages, which is reused after the NATS server has confirmed them, because `@nats-io` reads the bytes of a
 * message after `publish` has returned. Fresh memory for each message costs more than the copy into it, because V8
 * collects its whole heap after a certain amount of memory outside it.
 */
export class BatchMemory {
  /** The free memory by length. Each length is twice the one before it, plus headers. */
  readonly #spare: Uint8Array[][] = [];
  /** The memory that was published since the last flush began. */
  #published: Uint8Array[] = [];
  /** The memory that was published before the present flush began. */
  #covered: Uint8Array[] = [];
  /** The total size of all of them. */
  #keptBytes = 0;

  constructor() {
    for (let bytes = BATCH_BYTES; bytes <= MAX_FRAME_BYTES; bytes *= 2) this.#spare.push([]);
  }

  /** Returns memory of at least that length, with undefined contents. */
  take(length: number): Uint8Array {
    const index = indexOf(length);
    const memory = this.#spare[index]?.pop();
    if (memory === undefined) return freshBytes(index < this.#spare.length ? lengthOf(index) : length);
    this.#keptBytes -= memory.length;
    return memory;
  }

  /** Takes back memory that was not published. */
  give(memory: Uint8Array): void {
    if (this.#mayKeep(memory)) this.#spare[indexOf(memory.length)]?.push(memory);
  }

  /** Keeps memory that was published until the NATS server has confirmed it. */
  keep(memory: Uint8Array): void {
    if (this.#mayKeep(memory)) this.#published.push(memory);
  }

  /** A flush begins. Its confirmation covers everything that was published before. */
  cover(): void {
    this.#covered = this.#published;
    this.#published = [];
  }

  /** The NATS server has confirmed the flush. */
  confirm(): void {
    for (const memory of this.#covered) this.#spare[indexOf(memory.length)]?.push(memory);
    this.#covered = [];
  }

  /** The NATS connection broke. `@nats-io` may still read the memory, so none of it is reused. */
  forget(): void {
    for (const { length } of [...this.#published, ...this.#covered]) this.#keptBytes -= length;
    this.#published = [];
    this.#covered = [];
  }

  #mayKeep({ length }: Uint8Array): boolean {
    if (this.#keptBytes + length > MAX_KEPT_BYTES || lengthOf(indexOf(length)) !== length) return false;
    this.#keptBytes += length;
    return true;
  }
}

function lengthOf(index: number): number {
  return (BATCH_BYTES << index) + HEADERS_BYTES;
}

/** Returns the index of the shortest memory that has at least that length. */
function indexOf(length: number): number {
  const batches = Math.max(1, Math.ceil((length - HEADERS_BYTES) / BATCH_BYTES));
  return 32 - Math.clz32(batches - 1);
}
