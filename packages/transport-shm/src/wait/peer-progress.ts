import type { RingWriter } from '../ring/ring-writer.js';
import { STALL_WATCH_INTERVAL_MS } from './stall-watch.js';

/**
 * The most that one look at the peer's position counts for, in milliseconds: a thread that was itself held up for longer
 * than that says nothing of the peer.
 */
const MAX_STEP_MS = 2 * STALL_WATCH_INTERVAL_MS;

/** Judges whether the peer reads the ring that this side writes: it looks at the peer's position now and then. */
export class PeerProgress {
  readonly #writer: RingWriter;
  readonly #exchange: () => void;
  readonly #unresponsiveAfterMs: number;
  /** Where the peer had read everything that was written when it was last looked at. */
  #readUpTo = 0;
  #lastPosition = 0;
  /** For how long something has been unread without progress; negative where everything was read at the last look. */
  #stalledMs = -1;
  #lastLookMs = 0;

  /** @param exchange carries over the peer's position, where this process works on a copy of the region */
  constructor(writer: RingWriter, exchange: () => void, unresponsiveAfterMs: number) {
    this.#writer = writer;
    this.#exchange = exchange;
    this.#unresponsiveAfterMs = unresponsiveAfterMs;
  }

  /** @returns whether the peer responds; undefined where this look does not say */
  look(nowMs: number): boolean | undefined {
    const { written } = this.#writer;
    const stepMs = Math.min(nowMs - this.#lastLookMs, MAX_STEP_MS);
    this.#lastLookMs = nowMs;
    // Everything had been read, and nothing was written since: a thousand idle connections touch no region.
    if (written === this.#readUpTo) {
      this.#stalledMs = -1;
      return undefined;
    }
    this.#exchange();
    const position = this.#writer.consumerPosition;
    if (position === written) this.#readUpTo = written;
    if (position !== this.#lastPosition || position === written) {
      this.#lastPosition = position;
      this.#stalledMs = 0;
      return true;
    }
    // Time counts from the first look that sees something unread: since when it has been there nobody knows.
    this.#stalledMs = this.#stalledMs < 0 ? 0 : this.#stalledMs + stepMs;
    return this.#stalledMs >= this.#unresponsiveAfterMs ? false : undefined;
  }
}
