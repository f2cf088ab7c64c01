import type { FrameSink } from '@entropynet/core';
import { FRAME_ALIGNMENT, FRAME_HEADER_BYTES, PADDING_LENGTH } from '../region/layout.js';
import { frameBytesOf } from './frame-bytes.js';
import type { RingReaderEvents } from './ring-events.js';
import type { RingLocation } from './ring-location.js';

/** `PADDING_LENGTH` as a signed word, as `Int32Array` reads it. */
const PADDING = PADDING_LENGTH | 0;

/**
 * The consuming end of a ring. It reads every shared word once and checks it before it uses it. Its position is
 * private; the shared word is only a copy for the peer.
 */
export class RingReader {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #end: number;
  readonly #capacity: number;
  readonly #quarter: number;
  readonly #tailIndex: number;
  readonly #headIndex: number;
  readonly #waitsIndex: number;
  readonly #exchange: (() => void) | undefined;
  readonly #events: RingReaderEvents;

  /** The place of the next frame, as a byte offset in the region. It is private, so a peer can't change it. */
  #at: number;
  /** What to add to that place for the free-running position, which only grows. */
  #lap: number;
  #published = 0;
  #tail = 0;
  #isDraining = false;
  /** Whether `#drainPiece` stopped in front of padding. */
  #isAtPadding = false;
  #isClosed = false;

  constructor(ring: RingLocation, events: RingReaderEvents) {
    this.#words = ring.words;
    this.#bytes = ring.bytes;
    this.#start = ring.start;
    this.#at = ring.start;
    this.#lap = -ring.start;
    this.#end = ring.start + ring.capacity;
    this.#capacity = ring.capacity;
    this.#quarter = ring.capacity >>> 2;
    this.#tailIndex = ring.tail;
    this.#headIndex = ring.head;
    this.#waitsIndex = ring.producerWaits;
    this.#exchange = ring.exchange;
    this.#events = events;
  }

  /** Whether there are frames to read. One load, after an exchange if the ring is a copy. False after `close()`. */
  get hasFrames(): boolean {
    if (this.#isClosed) return false;
    this.#exchange?.();
    return Atomics.load(this.#words, this.#tailIndex) !== this.#head();
  }

  /**
   * A hint whether there are frames, for polling. A plain load, which orders no other memory access, or an exchange.
   */
  get seemsToHaveFrames(): boolean {
    if (this.#exchange !== undefined) return this.hasFrames;
    return this.#words[this.#tailIndex] !== this.#head() && !this.#isClosed;
  }

  /** Stops reading. A delivery may call it. The owner must call it before it unmaps the region. */
  close(): void {
    this.#isClosed = true;
  }

  /**
   * Delivers up to `limit` frames to `sink`, which may close the reader. Returns their number. Throws if the ring's
   * memory was detached. Hot path: no allocation and no native call of its own.
   */
  drain(limit: number, sink: FrameSink): number {
    if (this.#isClosed || this.#isDraining) return 0;
    this.#exchange?.();
    // SYNC POINT(ring-tail): pairs with the store in RingWriter.publishTail; frames up to here are whole.
    const tail = Atomics.load(this.#words, this.#tailIndex);
    if (tail === this.#head()) return 0;
    if (!this.#acceptTail(tail)) return 0;
    this.#isDraining = true;
    let count: number;
    try {
      count = this.#drainUpTo(tail, limit, sink);
    } finally {
      this.#isDraining = false;
    }
    if (!this.#isClosed) this.#publishHead();
    return count;
  }

  #drainUpTo(tail: number, limit: number, sink: FrameSink): number {
    let count = 0;
    while (count < limit && tail !== this.#head()) {
      const unread = (tail - this.#head()) >>> 0;
      count += this.#drainPiece(Math.min(this.#at + unread, this.#end), limit - count, sink);
      if (this.#isClosed) break;
      if (this.#isAtPadding && this.#end - this.#at > (tail - this.#head()) >>> 0) {
        this.#corrupted('padding beyond its tail');
        break;
      }
      if (this.#isAtPadding || this.#at === this.#end) this.#wrap();
      // A producer that waits for room must not wait for the whole batch.
      if ((this.#head() - this.#published) >>> 0 > this.#quarter) this.#publishHead();
    }
    return count;
  }

  /**
   * Delivers frames that lie in one piece, up to `end` or for a quarter of the ring. Returns their number. Short, and
   * without a step that only some frames need: V8 compiles the whole way of a message into it, and would give that up
   * at the first step that it has never seen.
   */
  #drainPiece(end: number, limit: number, sink: FrameSink): number {
    const words = this.#words;
    const bytes = this.#bytes;
    const pause = this.#at + this.#quarter;
    let isPadding = false;
    let count = 0;
    for (let at = this.#at; at < end && at <= pause && count < limit; count += 1) {
      // The length is read once, because the peer may change it between two reads.
      const length = words[at >> 2];
      // This check is free: the engine checks the bounds of the load anyway.
      if (length === undefined) throw new Error('the memory of the ring was detached');
      if (length === PADDING) {
        isPadding = true;
        break;
      }
      const start = at + FRAME_HEADER_BYTES;
      // All places are aligned, so a frame that begins before `end` ends there at the latest, with what aligns it.
      if (length < 0 || length > end - start) return this.#impossible(count, length);
      sink.receive((words[(at >> 2) + 1] as number) >>> 0, bytes, start, start + length, false);
      if (this.#isClosed) return count + 1;
      // STEP(receive: delivered)
      at += frameBytesOf(length);
      this.#at = at;
    }
    this.#isAtPadding = isPadding;
    return count;
  }

  /** Goes to the start of the ring, for the next frame. */
  #wrap(): void {
    this.#lap = (this.#lap + this.#capacity) | 0;
    this.#at = this.#start;
  }

  /** The free-running position of the next frame. */
  #head(): number {
    return (this.#lap + this.#at) | 0;
  }

  /** Accepts a tail that lies between the last one and a full ring. */
  #acceptTail(tail: number): boolean {
    const head = this.#head();
    const available = (tail - head) >>> 0;
    const known = (this.#tail - head) >>> 0;
    if (available > this.#capacity || available < known || (tail & (FRAME_ALIGNMENT - 1)) !== 0) {
      this.#corrupted(`its position jumped to ${tail >>> 0}`);
      return false;
    }
    this.#tail = tail;
    return true;
  }

  #publishHead(): void {
    const head = this.#head();
    if (head === this.#published) return;
    this.#published = head;
    // SYNC POINT(room): the head is stored before the declaration is read; pairs with RingRoom.find.
    Atomics.store(this.#words, this.#headIndex, head);
    // STEP(receive: head published)
    if (this.#exchange !== undefined) {
      this.#exchange();
      return;
    }
    if (Atomics.load(this.#words, this.#waitsIndex) === 0) return;
    // The report comes after half a ring is free, because a wake for each frame would cost more than the frame.
    const unread = (Atomics.load(this.#words, this.#tailIndex) - head) >>> 0;
    if (unread > this.#capacity >>> 1) return;
    if (Atomics.exchange(this.#words, this.#waitsIndex, 0) !== 0) this.#events.onRoom();
  }

  #impossible(count: number, length: number): number {
    const isOfRing = length >= 0 && length <= this.#capacity;
    const unread = (this.#tail - this.#head()) >>> 0;
    const what = isOfRing ? `${length} bytes, but only ${unread} bytes before its tail` : `${length >>> 0} bytes`;
    this.#corrupted(`a frame of ${what}`);
    return count;
  }

  #corrupted(what: string): void {
    this.#isClosed = true;
    this.#events.onCorrupted(`the peer wrote ${what}`);
  }
}
