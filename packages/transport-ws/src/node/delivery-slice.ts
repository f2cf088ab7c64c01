import { now } from './platform-timers.js';

/** The time for which messages are delivered before timers and I/O run, in milliseconds. */
const SLICE_MS = 1;

/**
 * The largest number of messages between two reads of the clock, because a read costs as much as half a short message.
 */
const MAX_STRIDE = 32;

/** If a message takes longer than this, in milliseconds, the clock is read after each message. */
const SLOW_MS = 0.1;

/**
 * Measures the time for which a reader has delivered since timers and I/O ran. It counts only the time of deliveries,
 * so a connection with little traffic rarely pauses.
 */
export class DeliverySlice {
  #spentMs = 0;
  #lookedAt = 0;
  #stride = 1;

  /** Delivery begins or continues: the first read of the clock comes after one message. */
  begin(): void {
    this.#lookedAt = now();
    this.#stride = 1;
  }

  /** Reads the clock. Returns the number of messages until the next read; 0 if the slice is over. */
  look(): number {
    const at = now();
    const tookMs = at - this.#lookedAt;
    this.#lookedAt = at;
    this.#spentMs += tookMs;
    this.#stride = tookMs > SLOW_MS ? 1 : Math.min(MAX_STRIDE, this.#stride * 2);
    return this.#spentMs >= SLICE_MS ? 0 : this.#stride;
  }

  /** Timers and I/O have run. */
  renew(): void {
    this.#spentMs = 0;
  }
}
