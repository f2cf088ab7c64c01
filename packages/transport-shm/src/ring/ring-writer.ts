import type { FrameWriter } from '@entropynet/core';
import { AWAKE, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, PADDING_LENGTH } from '../region/layout.js';
import { loadAfterStore } from './load-after-store.js';
import type { RingLocation } from './ring-location.js';

/** The events of a writer, for its connection. */
export interface RingWriterEvents {
  /** The consumer has declared that it sleeps, and how. The receiver of the event must wake it. */
  onWake(declaration: number): void;
  /** The consumer's position is impossible. */
  onCorrupted(reason: string): void;
  /** Code of this process detached the ring's memory, so an access threw `error`. Without a handler, it is thrown on. */
  onDetached?(error: unknown): void;
}

/** The part of a batch that is published at once, in bytes: the consumer reads it during the write of the next part. */
const BATCH_BYTES = 4096;

const ALIGNMENT_MASK = ~(FRAME_ALIGNMENT - 1);

/**
 * The producing end of a ring. Its own position is private, and the shared word is only a copy for the peer. It reads
 * the consumer's position once for each check, and uses it only if it is possible.
 */
export class RingWriter implements FrameWriter {
  readonly maxFrameBytes: number;

  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #buffer: ArrayBufferLike;
  readonly #start: number;
  readonly #capacity: number;
  readonly #tailIndex: number;
  readonly #headIndex: number;
  readonly #sleepIndex: number;
  readonly #waitsIndex: number;
  readonly #exchange: (() => void) | undefined;
  readonly #events: RingWriterEvents;

  /** Free-running. It is private, so a peer that changes the shared word has no effect on it. */
  #tail = 0;
  /** The tail that the consumer sees. It differs from the private one only inside a batch. */
  #published = 0;
  #isBatching = false;
  /** The offset of the tail inside the ring, in bytes. */
  #offset = 0;
  /** The consumer's position when it was last read. */
  #head = 0;
  /** The tail at the last call of `hasWrittenMore()`. */
  #noted = 0;
  #claimedAt = 0;
  #claimedLength = 0;
  #isBlocked = false;
  #isPoisoned = false;

  constructor(ring: RingLocation, events: RingWriterEvents) {
    this.#words = ring.words;
    this.#bytes = ring.bytes;
    this.#buffer = ring.bytes.buffer;
    this.#start = ring.start;
    this.#capacity = ring.capacity;
    this.#tailIndex = ring.tail;
    this.#headIndex = ring.head;
    this.#sleepIndex = ring.consumerSleep;
    this.#waitsIndex = ring.producerWaits;
    this.#exchange = ring.exchange;
    this.#events = events;
    // A quarter of the ring: a frame with its padding always fits an empty ring, and several frames can be in flight.
    this.maxFrameBytes = ((ring.capacity >>> 2) & ALIGNMENT_MASK) - FRAME_HEADER_BYTES;
  }

  /** Whether a refused write may succeed now. At most two loads. */
  get mayUnblock(): boolean {
    if (!this.#isBlocked || this.#isPoisoned) return false;
    return (this.#tail - Atomics.load(this.#words, this.#headIndex)) >>> 0 <= this.#capacity >>> 1;
  }

  /** This side's own position: the end of the last written frame. */
  get written(): number {
    return this.#tail;
  }

  /** Whether frames were written since the last call. */
  hasWrittenMore(): boolean {
    const hasMore = this.#tail !== this.#noted;
    this.#noted = this.#tail;
    return hasMore;
  }

  /** The consumer's position in the region, for checking whether it advances. */
  get consumerPosition(): number {
    return Atomics.load(this.#words, this.#headIndex);
  }

  // Hot path: no allocation, no native call while the consumer is awake.
  tryWrite(header: number, bytes: Uint8Array, start: number, end: number): boolean {
    try {
      const at = this.#reserve(end - start);
      if (at < 0) return false;
      // STEP(send: room found)
      if (start === 0 && end === bytes.length) this.#bytes.set(bytes, at + FRAME_HEADER_BYTES);
      else this.#bytes.set(bytes.subarray(start, end), at + FRAME_HEADER_BYTES);
      // STEP(send: bytes copied)
      this.#publish(at, header, end - start);
      return true;
    } catch (error) {
      this.#onThrow(error);
      return false;
    }
  }

  beginBatch(): void {
    this.#isBatching = true;
  }

  endBatch(): void {
    this.#isBatching = false;
    if (this.#tail === this.#published || this.#isPoisoned) return;
    try {
      this.#publishTail();
    } catch (error) {
      this.#onThrow(error);
    }
  }

  tryClaim(length: number): Uint8Array | undefined {
    try {
      const start = this.#claimAt(length);
      return start < 0 ? undefined : new Uint8Array(this.#buffer, start, length);
    } catch (error) {
      this.#onThrow(error);
      return undefined;
    }
  }

  tryClaimAt(length: number): number {
    try {
      return this.#claimAt(length);
    } catch (error) {
      this.#onThrow(error);
      return -1;
    }
  }

  get claimedBytes(): Uint8Array {
    return this.#bytes;
  }

  commitClaim(header: number): void {
    if (this.#isPoisoned) return;
    try {
      this.#publish(this.#claimedAt, header, this.#claimedLength);
    } catch (error) {
      this.#onThrow(error);
    }
  }

  /** Refuses all further frames. The owner must call it before it unmaps the region. */
  close(): void {
    this.#isPoisoned = true;
  }

  abortClaim(): void {
    // Nothing to do: a claim is not visible before its commit, and the next frame uses the same bytes.
  }

  /** Declares again that this side needs room, if it does. A thread calls it before it sleeps on a futex. */
  declareNeed(): void {
    // SYNC POINT(room): an earlier report has reset the declaration, and went to the doorbell.
    if (this.#isBlocked) Atomics.store(this.#words, this.#waitsIndex, 1);
  }

  /** Checks for room again after a refusal. Returns true once half the ring is free. */
  checkUnblocked(): boolean {
    if (!this.#isBlocked || this.#isPoisoned || !this.#readHead()) return false;
    const half = this.#capacity >>> 1;
    if (this.#used() > half) {
      // SYNC POINT(room): the consumer may have reset the declaration because of an older tail.
      Atomics.store(this.#words, this.#waitsIndex, 1);
      if (!this.#readHead() || this.#used() > half) return false;
    }
    this.#isBlocked = false;
    Atomics.store(this.#words, this.#waitsIndex, 0);
    return true;
  }

  /** Returns the start of a claim's payload, as a byte offset in the region; -1 if there is no room. */
  #claimAt(length: number): number {
    const at = this.#reserve(length);
    if (at < 0) return -1;
    this.#claimedAt = at;
    this.#claimedLength = length;
    return at + FRAME_HEADER_BYTES;
  }

  /**
   * Returns the place of a frame with `length` payload bytes, as a byte offset in the region; -1 if there is no room.
   * The consumer sees no change, except the declaration that this side needs room.
   */
  #reserve(length: number): number {
    if (this.#isPoisoned) return -1;
    const frameBytes = (length + FRAME_HEADER_BYTES + FRAME_ALIGNMENT - 1) & ALIGNMENT_MASK;
    const untilEnd = this.#capacity - this.#offset;
    const needed = frameBytes > untilEnd ? frameBytes + untilEnd : frameBytes;
    if (this.#used() + needed > this.#capacity && !this.#findRoom(needed)) return -1;
    if (frameBytes <= untilEnd) return this.#start + this.#offset;
    return this.#start;
  }

  #publish(at: number, header: number, length: number): void {
    const frameBytes = (length + FRAME_HEADER_BYTES + FRAME_ALIGNMENT - 1) & ALIGNMENT_MASK;
    const untilEnd = this.#capacity - this.#offset;
    let tail = this.#tail + frameBytes;
    let offset = this.#offset + frameBytes;
    if (frameBytes > untilEnd) {
      this.#words[(this.#start + this.#offset) >> 2] = PADDING_LENGTH;
      tail += untilEnd;
      offset = frameBytes;
    }
    const words = this.#words;
    words[at >> 2] = length;
    words[(at >> 2) + 1] = header;
    // STEP(send: frame complete)
    this.#offset = offset === this.#capacity ? 0 : offset;
    this.#tail = tail | 0;
    if (this.#isBatching && (this.#tail - this.#published) >>> 0 < BATCH_BYTES) return;
    this.#publishTail();
  }

  #publishTail(): void {
    const words = this.#words;
    this.#published = this.#tail;
    // SYNC POINT(ring-tail): publishes the frames written before; pairs with the load in RingReader.drain.
    Atomics.store(words, this.#tailIndex, this.#tail);
    // STEP(send: tail published)
    if (this.#exchange !== undefined) {
      this.#exchange();
      return;
    }
    // SYNC POINT(sleep): after the tail, in one total order with the consumer's declaration and its re-check.
    const declaration = loadAfterStore(words, this.#sleepIndex);
    if (declaration !== AWAKE) this.#wake(declaration);
  }

  /** Only the side that resets the declaration makes the system call of a wake. */
  #wake(declaration: number): void {
    if (Atomics.compareExchange(this.#words, this.#sleepIndex, declaration, AWAKE) === declaration) {
      // STEP(send: sleeper claimed)
      this.#events.onWake(declaration);
    }
  }

  /** Code of this process may transfer the buffer of a claim or of a borrowed view, which detaches the ring's memory. */
  #onThrow(error: unknown): void {
    if (this.#bytes.length > 0) throw error;
    if (this.#isPoisoned) return;
    this.#isPoisoned = true;
    if (this.#events.onDetached === undefined) throw error;
    this.#events.onDetached(error);
  }

  #used(): number {
    return (this.#tail - this.#head) >>> 0;
  }

  #findRoom(needed: number): boolean {
    // The consumer can't free frames that it has not seen.
    if (this.#tail !== this.#published) this.#publishTail();
    if (!this.#readHead()) return false;
    if (this.#used() + needed <= this.#capacity) return true;
    const wasBlocked = this.#isBlocked;
    this.#isBlocked = true;
    // SYNC POINT(room): declared before the head is read again; pairs with the load in RingReader.#publishHead.
    Atomics.store(this.#words, this.#waitsIndex, 1);
    if (!this.#readHead() || this.#used() + needed > this.#capacity) return false;
    // There is room for this frame. A sender whose frame was refused before still waits for the report.
    if (wasBlocked) return true;
    this.#isBlocked = false;
    Atomics.store(this.#words, this.#waitsIndex, 0);
    return true;
  }

  /** Reads the consumer's position once. An impossible one ends the writer: returns false. */
  #readHead(): boolean {
    this.#exchange?.();
    const head = Atomics.load(this.#words, this.#headIndex);
    const consumed = (head - this.#head) >>> 0;
    if (consumed > this.#used() || (head & (FRAME_ALIGNMENT - 1)) !== 0) {
      this.#isPoisoned = true;
      this.#events.onCorrupted(
        `the peer says it read up to ${head >>> 0}; only ${this.#head >>> 0} to ${this.#tail >>> 0} is possible`,
      );
      return false;
    }
    this.#head = head;
    return true;
  }
}
