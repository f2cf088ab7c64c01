import { type MessageReader, LAST_BYTE } from './subject.js';

/*
 * A ring of the same layout as a connection's, in the same memory, without anything around it: no checks of what the peer
 * wrote, no windows, channels, statistics or guard, and no sleep. What a connection loses against it is the price of its semantics.
 */

const HEADER_BYTES = 8;
const PADDING = -1;
/** In front of each ring: its tail and its head, a cache line apart. */
const RING_HEADER_BYTES = 128;
const HEAD_WORD = 16;
/** Frames between two publications of the head. */
const DRAIN_LIMIT = 256;
/** The control block of a region, which the connection that made it keeps. */
const CONTROL_BYTES = 256;
/** More than what the connection has written at the beginning of each half. */
const USED_BYTES = 4096;

/** One direction between two processes. The producer has one of its own, and the consumer has one. */
export class BareRing {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #buffer: ArrayBufferLike;
  readonly #tailWord: number;
  readonly #headWord: number;
  readonly #start: number;
  readonly #capacity: number;
  #tail = 0;
  #head = 0;
  #offset = 0;
  #published = 0;

  constructor(buffer: ArrayBufferLike, start: number, length: number) {
    this.#words = new Int32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.#buffer = buffer;
    this.#tailWord = start >> 2;
    this.#headWord = this.#tailWord + HEAD_WORD;
    this.#start = start + RING_HEADER_BYTES;
    this.#capacity = length - RING_HEADER_BYTES;
  }

  /** The bytes of the longest message that certainly fits as soon as half of the ring is free. */
  get longestMessage(): number {
    return (this.#capacity >>> 2) - HEADER_BYTES;
  }

  /** Of the producer: whether half of it is free. */
  get hasRoom(): boolean {
    this.#head = Atomics.load(this.#words, this.#headWord);
    return (this.#tail - this.#head) >>> 0 <= this.#capacity >>> 1;
  }

  send(message: Uint8Array): boolean {
    const at = this.#reserve(message.length);
    if (at < 0) return false;
    this.#bytes.set(message, at);
    this.publish();
    return true;
  }

  /** Writes the first and the last byte; nothing is visible before `publish()`. */
  write(firstByte: number, length: number): boolean {
    const at = this.#reserve(length);
    if (at < 0) return false;
    this.#bytes[at] = firstByte;
    this.#bytes[at + length - 1] = LAST_BYTE;
    return true;
  }

  /** The same for a whole message. */
  put(message: Uint8Array): boolean {
    const at = this.#reserve(message.length);
    if (at < 0) return false;
    this.#bytes.set(message, at);
    return true;
  }

  publish(): void {
    if (this.#published === this.#tail) return;
    this.#published = this.#tail;
    Atomics.store(this.#words, this.#tailWord, this.#tail);
  }

  drainCopies(callback: (message: Uint8Array) => void): void {
    const bytes = this.#bytes;
    this.#drain((_bytes, start, end) => {
      callback(bytes.slice(start, end));
    });
  }

  drainViews(callback: (message: Uint8Array) => void): void {
    const buffer = this.#buffer;
    this.#drain((_bytes, start, end) => {
      callback(new Uint8Array(buffer, start, end - start));
    });
  }

  drainInPlace(callback: MessageReader): void {
    this.#drain(callback);
  }

  #drain(callback: MessageReader): void {
    const words = this.#words;
    const bytes = this.#bytes;
    const tail = Atomics.load(words, this.#tailWord);
    if (tail === this.#head) return;
    let head = this.#head;
    let offset = this.#offset;
    for (let count = 0; head !== tail && count < DRAIN_LIMIT;) {
      const at = this.#start + offset;
      const length = words[at >> 2] as number;
      if (length === PADDING) {
        head = (head + this.#capacity - offset) | 0;
        offset = 0;
        continue;
      }
      callback(bytes, at + HEADER_BYTES, at + HEADER_BYTES + length);
      const frameBytes = (length + HEADER_BYTES + 7) & ~7;
      head = (head + frameBytes) | 0;
      offset += frameBytes;
      if (offset === this.#capacity) offset = 0;
      count += 1;
    }
    this.#head = head;
    this.#offset = offset;
    Atomics.store(words, this.#headWord, head);
  }

  #reserve(length: number): number {
    const frameBytes = (length + HEADER_BYTES + 7) & ~7;
    const untilEnd = this.#capacity - this.#offset;
    const needed = frameBytes > untilEnd ? frameBytes + untilEnd : frameBytes;
    if (((this.#tail - this.#head) >>> 0) + needed > this.#capacity) {
      this.publish();
      this.#head = Atomics.load(this.#words, this.#headWord);
      if (((this.#tail - this.#head) >>> 0) + needed > this.#capacity) return -1;
    }
    let at = this.#start + this.#offset;
    if (frameBytes > untilEnd) {
      this.#words[at >> 2] = PADDING;
      at = this.#start;
      this.#offset = frameBytes;
    } else {
      this.#offset += frameBytes;
      if (this.#offset === this.#capacity) this.#offset = 0;
    }
    this.#words[at >> 2] = length;
    this.#words[(at >> 2) + 1] = 0;
    this.#tail = (this.#tail + needed) | 0;
    return at + HEADER_BYTES;
  }
}

/** The two rings of one side in the memory of a connection that rests. */
export function ringsIn(memory: ArrayBufferLike, isServer: boolean): { outgoing: BareRing; incoming: BareRing } {
  const half = ((memory.byteLength - CONTROL_BYTES) >> 1) & ~63;
  const [first, second] = [CONTROL_BYTES, CONTROL_BYTES + half].map(
    (at) => new BareRing(memory, at + USED_BYTES, half - 2 * USED_BYTES),
  ) as [BareRing, BareRing];
  return isServer ? { outgoing: first, incoming: second } : { outgoing: second, incoming: first };
}
