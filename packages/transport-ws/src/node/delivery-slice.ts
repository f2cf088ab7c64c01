import { now } from './platform-timers.js';

/** How long messages are delivered in one go before timers and I/O have their turn, in milliseconds. */
const SLICE_MS = 1;

/** The most messages between two looks at the clock: a look costs as much as half a short message. */
const MAX_STRIDE = 32;

/** Messages that take longer than this, in milliseconds, are looked at one by one. */
const SLOW_MS = 0.1;

/**
 * Measures how long a reader has delivered since timers and I/O had their turn. It counts the time of delivering alone, so
 * a connection with little traffic yields about as seldom as its messages add up to a slice.
 */
export class DeliverySlice {
  #spentMs = 0;
  #lookedAt = 0;
  #stride = 1;

  /** Delivering begins, or goes on: the first look is due after one message. */
  begin(): void {
    this.#lookedAt = now();
    this.#stride = 1;
  }

  /** Looks at the clock; returns after how many messages the next look is due, 0 where the slice is over. */
  look(): number {
    const at = now();
    const tookMs = at - this.#lookedAt;
    this.#lookedAt = at;
    this.#spentMs += tookMs;
    this.#stride = tookMs > SLOW_MS ? 1 : Math.min(MAX_STRIDE, this.#stride * 2);
    return this.#spentMs >= SLICE_MS ? 0 : this.#stride;
  }

  /** Timers and I/O had their turn. */
  renew(): void {
    this.#spentMs = 0;
  }
}
