import { FRAME_ALIGNMENT } from '../region/layout.js';
import type { RingLocation } from './ring-location.js';

/** The events of a ring's room, for its writer. */
export interface RingRoomEvents {
  /** The consumer's position is impossible. */
  onCorrupted(reason: string): void;
  /** The frame that `reportNextFrame()` asked for is being written. */
  readonly onFrame?: (() => void) | undefined;
}

/**
 * The room that the consumer of a ring leaves to its producer. It reads the consumer's position once for each check, and
 * uses it only if it is possible. Positions are free-running.
 */
export class RingRoom {
  readonly #words: Int32Array;
  readonly #capacity: number;
  readonly #headIndex: number;
  readonly #waitsIndex: number;
  readonly #exchange: (() => void) | undefined;
  readonly #events: RingRoomEvents;

  /** The consumer's position when it was last read. */
  #head = 0;
  /** Whether the producer had too little room, and waits for the report that half the ring is free. */
  #isAwaited = false;
  #isReporting = false;

  constructor(ring: RingLocation, events: RingRoomEvents) {
    this.#words = ring.words;
    this.#capacity = ring.capacity;
    this.#headIndex = ring.head;
    this.#waitsIndex = ring.producerWaits;
    this.#exchange = ring.exchange;
    this.#events = events;
  }

  /** The consumer's position in the region, for checking whether it advances. */
  get position(): number {
    return Atomics.load(this.#words, this.#headIndex);
  }

  /** Returns the free bytes behind the producer's position `tail`, as far as this side knows. */
  free(tail: number): number {
    return this.#capacity - this.#used(tail);
  }

  /** Makes the next call of `reportFrame()` a report. */
  reportNextFrame(): void {
    this.#isReporting = true;
  }

  /** A frame is being written. Reports it if `reportNextFrame()` was called before. */
  reportFrame(): void {
    if (!this.#isReporting) return;
    this.#isReporting = false;
    this.#events.onFrame?.();
  }

  /** Whether a refused write may succeed now. At most one load. */
  mayHaveCome(tail: number): boolean {
    return this.#isAwaited && (tail - this.position) >>> 0 <= this.#capacity >>> 1;
  }

  /** Looks how far the consumer is. If `needed` bytes are still not free, declares that this side needs room. */
  find(tail: number, needed: number): boolean {
    if (!this.#readHead(tail)) return false;
    if (this.free(tail) >= needed) return true;
    const wasAwaited = this.#isAwaited;
    this.#isAwaited = true;
    // SYNC POINT(room): declared before the head is read again; pairs with the load in RingReader.#publishHead.
    Atomics.store(this.#words, this.#waitsIndex, 1);
    if (!this.#readHead(tail) || this.free(tail) < needed) return false;
    // There is room for this frame. A sender whose frame was refused before still waits for the report.
    if (!wasAwaited) this.#end();
    return true;
  }

  /** Declares again that this side needs room, if it does. A thread calls it before it sleeps on a futex. */
  declareNeed(): void {
    // SYNC POINT(room): an earlier report has reset the declaration, and went to the doorbell.
    if (this.#isAwaited) Atomics.store(this.#words, this.#waitsIndex, 1);
  }

  /** Checks for room again after a refusal. Returns true once half the ring is free. */
  hasCome(tail: number): boolean {
    if (!this.#isAwaited || !this.#readHead(tail)) return false;
    const half = this.#capacity >>> 1;
    if (this.#used(tail) > half) {
      // SYNC POINT(room): the consumer may have reset the declaration because of an older tail.
      Atomics.store(this.#words, this.#waitsIndex, 1);
      if (!this.#readHead(tail) || this.#used(tail) > half) return false;
    }
    this.#end();
    return true;
  }

  #end(): void {
    this.#isAwaited = false;
    Atomics.store(this.#words, this.#waitsIndex, 0);
  }

  #used(tail: number): number {
    return (tail - this.#head) >>> 0;
  }

  #readHead(tail: number): boolean {
    this.#exchange?.();
    const head = this.position;
    const consumed = (head - this.#head) >>> 0;
    if (consumed > this.#used(tail) || (head & (FRAME_ALIGNMENT - 1)) !== 0) {
      this.#events.onCorrupted(
        `the peer says it read up to ${head >>> 0}; only ${this.#head >>> 0} to ${tail >>> 0} is possible`,
      );
      return false;
    }
    this.#head = head;
    return true;
  }
}
