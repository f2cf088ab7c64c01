import type { FrameWriter } from '@entropynet/core';
import { AWAKE, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, PADDING_LENGTH } from '../region/layout.js';
import { loadAfterStore } from './load-after-store.js';
import type { RingLocation } from './ring-location.js';

/** What a writer tells its connection. */
export interface RingWriterEvents {
  /** The consumer declared that it sleeps, in the way given; it must be woken. */
  onWake(declaration: number): void;
  /** The consumer's position is impossible. */
  onCorrupted(reason: string): void;
  /** The ring's memory was detached by code of this process; `error` is what an access threw. Without it, that is thrown on. */
  onDetached?(error: unknown): void;
}

/** So much of a batch is published at once: the consumer works on it while the next part is written. */
const BATCH_BYTES = 4096;

const ALIGNMENT_MASK = ~(FRAME_ALIGNMENT - 1);

/**
 * The producing end of a ring. Its own position is private and only ever published; the consumer's is read once per
 * question and believed only if it is possible.
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

  /** Free-running; private, so that a peer that rewrites the shared word changes nothing here. */
  #tail = 0;
  /** The tail that the consumer sees: behind the private one inside a batch only. */
  #published = 0;
  #isBatching = false;
  /** Where the tail is inside the ring. */
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
    // A quarter: a frame and the padding before it always fit an empty ring, and some frames can be on the way.
    this.maxFrameBytes = ((ring.capacity >>> 2) & ALIGNMENT_MASK) - FRAME_HEADER_BYTES;
  }

  /** Whether a refused write may be tried again, as the region stands now. Two loads at most. */
  get mayUnblock(): boolean {
    if (!this.#isBlocked || this.#isPoisoned) return false;
    return (this.#tail - Atomics.load(this.#words, this.#headIndex)) >>> 0 <= this.#capacity >>> 1;
  }

  /** This side's own position: everything that was written ends there. */
  get written(): number {
    return this.#tail;
  }

  /** Whether frames were written since the last call. */
  hasWrittenMore(): boolean {
    const hasMore = this.#tail !== this.#noted;
    this.#noted = this.#tail;
    return hasMore;
  }

  /** The consumer's position as it stands in the region, to see whether it moves. */
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

  /** Takes nothing any more; required before the region is unmapped. */
  close(): void {
    this.#isPoisoned = true;
  }

  abortClaim(): void {
    // Nothing to do: nothing of a claim is visible before its commit, and the next frame takes the same place.
  }

  /** Declares again that this side needs room, where it does: for who is about to sleep on a futex. */
  declareNeed(): void {
    // SYNC POINT(room): a report that came before has turned the declaration back, and went to the doorbell.
    if (this.#isBlocked) Atomics.store(this.#words, this.#waitsIndex, 1);
  }

  /** Asks again for room after a refusal; true once half the ring is free. */
  checkUnblocked(): boolean {
    if (!this.#isBlocked || this.#isPoisoned || !this.#readHead()) return false;
    const half = this.#capacity >>> 1;
    if (this.#used() > half) {
      // SYNC POINT(room): the consumer may have turned the declaration back on the strength of an older tail.
      Atomics.store(this.#words, this.#waitsIndex, 1);
      if (!this.#readHead() || this.#used() > half) return false;
    }
    this.#isBlocked = false;
    Atomics.store(this.#words, this.#waitsIndex, 0);
    return true;
  }

  /** Where the payload of a claim begins; -1 where there is no room. */
  #claimAt(length: number): number {
    const at = this.#reserve(length);
    if (at < 0) return -1;
    this.#claimedAt = at;
    this.#claimedLength = length;
    return at + FRAME_HEADER_BYTES;
  }

  /**
   * Where a frame of `length` payload bytes goes, as a byte offset in the region; -1 where there is no room. Leaves
   * nothing that the consumer can see, save that this side needs room.
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

  /** Only the producer that turns the declaration back pays for a wake. */
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
    // The consumer makes no room for what it has not seen.
    if (this.#tail !== this.#published) this.#publishTail();
    if (!this.#readHead()) return false;
    if (this.#used() + needed <= this.#capacity) return true;
    const wasBlocked = this.#isBlocked;
    this.#isBlocked = true;
    // SYNC POINT(room): declared before the head is read again; pairs with the load in RingReader.#publishHead.
    Atomics.store(this.#words, this.#waitsIndex, 1);
    if (!this.#readHead() || this.#used() + needed > this.#capacity) return false;
    // There is room for this one; a sender that was refused before still waits for the report.
    if (wasBlocked) return true;
    this.#isBlocked = false;
    Atomics.store(this.#words, this.#waitsIndex, 0);
    return true;
  }

  /** Reads the consumer's position, once; false and poisoned where it is not between the last one and the tail. */
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
