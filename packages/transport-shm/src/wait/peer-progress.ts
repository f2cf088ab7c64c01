import type { RingWriter } from '../ring/ring-writer.js';
import { STALL_WATCH_INTERVAL_MS } from './stall-watch.js';

/**
 * The longest time that one check may add, in milliseconds. If this thread itself was busy for longer, that time is no
 * evidence about the peer.
 */
const MAX_STEP_MS = 2 * STALL_WATCH_INTERVAL_MS;

/** Decides whether the peer reads the ring that this side writes. It checks the peer's position at intervals. */
export class PeerProgress {
  readonly #writer: RingWriter;
  readonly #exchange: () => void;
  readonly #unresponsiveAfterMs: number;
  /** This side's position at the last check at which the peer had read everything. */
  #readUpTo = 0;
  #lastPosition = 0;
  /** The time of unread frames without progress, in milliseconds; negative if the last check found none unread. */
  #stalledMs = -1;
  #lastLookMs = 0;

  /** @param exchange fetches the peer's position if this process works on a copy of the region */
  constructor(writer: RingWriter, exchange: () => void, unresponsiveAfterMs: number) {
    this.#writer = writer;
    this.#exchange = exchange;
    this.#unresponsiveAfterMs = unresponsiveAfterMs;
  }

  /** Whether the peer had read everything at the last check, and this side has written nothing since. */
  get isComplete(): boolean {
    return this.#writer.written === this.#readUpTo;
  }

  /** @returns whether the peer responds; undefined if this check does not show it */
  look(nowMs: number): boolean | undefined {
    const { written } = this.#writer;
    const stepMs = Math.min(nowMs - this.#lastLookMs, MAX_STEP_MS);
    this.#lastLookMs = nowMs;
    if (this.isComplete) {
      this.#stalledMs = -1;
      return undefined;
    }
    this.#exchange();
    const position = this.#writer.consumerPosition;
    if (position === written) {
      this.#readUpTo = written;
      this.#stalledMs = -1;
      return true;
    }
    if (position !== this.#lastPosition) {
      this.#lastPosition = position;
      this.#stalledMs = 0;
      return true;
    }
    // The time counts from the first check that finds an unread frame, because its age is unknown.
    this.#stalledMs = this.#stalledMs < 0 ? 0 : this.#stalledMs + stepMs;
    return this.#stalledMs >= this.#unresponsiveAfterMs ? false : undefined;
  }
}
