import { freshBytes } from './bytes.js';
import { CODE_BYTES, FRAME_HEADER_BYTES, HEADER_BYTES, MAX_FRAME_BYTES } from './nats-protocol.js';

/**
 * How many bytes are collected at most before they are published. A receiver reads its socket in pieces of 64 KiB, and
 * `@nats-io` puts a message that lies in two of them together with several copies: of short messages only a few do.
 */
export const BATCH_BYTES = 16 * 1024;

/** What a message of one frame has beside the frame's payload. */
const HEADERS_BYTES = HEADER_BYTES + CODE_BYTES + FRAME_HEADER_BYTES;

/** The longest message of a batch. */
export const MAX_BATCH_BYTES = BATCH_BYTES + HEADERS_BYTES;

/** The most bytes that are kept, those included that the NATS server has not confirmed: two windows of the default size. */
const MAX_KEPT_BYTES = 2 * 1024 * 1024;

/**
 * Memory of messages, used again once the NATS server has confirmed them: `@nats-io` reads the bytes of a message after
 * `publish` has returned. Fresh memory for each message costs more than the copy into it, because V8 collects its whole
 * heap after so many bytes outside it.
 */
export class BatchMemory {
  /** By length: each is twice as long as the one before it, and headers. */
  readonly #spare: Uint8Array[][] = [];
  /** Published since the last flush began. */
  #published: Uint8Array[] = [];
  /** Published before the flush under way began. */
  #covered: Uint8Array[] = [];
  /** Bytes of all of them. */
  #keptBytes = 0;

  constructor() {
    for (let bytes = BATCH_BYTES; bytes <= MAX_FRAME_BYTES; bytes *= 2) this.#spare.push([]);
  }

  /** Memory of at least that length, whose content is undefined. */
  take(length: number): Uint8Array {
    const index = indexOf(length);
    const memory = this.#spare[index]?.pop();
    if (memory === undefined) return freshBytes(index < this.#spare.length ? lengthOf(index) : length);
    this.#keptBytes -= memory.length;
    return memory;
  }

  /** Takes back memory from which nothing was published. */
  give(memory: Uint8Array): void {
    if (this.#mayKeep(memory)) this.#spare[indexOf(memory.length)]?.push(memory);
  }

  /** Keeps memory from which a message was published, until that is confirmed. */
  keep(memory: Uint8Array): void {
    if (this.#mayKeep(memory)) this.#published.push(memory);
  }

  /** A flush begins: its confirmation is one of everything published before. */
  cover(): void {
    this.#covered = this.#published;
    this.#published = [];
  }

  /** The flush was confirmed. */
  confirm(): void {
    for (const memory of this.#covered) this.#spare[indexOf(memory.length)]?.push(memory);
    this.#covered = [];
  }

  /** The NATS connection broke: nobody knows what of it is still read. */
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

/** The index of the shortest memory that has at least that length. */
function indexOf(length: number): number {
  const batches = Math.max(1, Math.ceil((length - HEADERS_BYTES) / BATCH_BYTES));
  return 32 - Math.clz32(batches - 1);
}
