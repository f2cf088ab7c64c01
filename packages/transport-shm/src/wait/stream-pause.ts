/** A pass with fewer pieces of work is short. */
const SHORT_PASS = 32;

/** After this number of short passes in a row the peer sends a stream, and this side is faster than the peer. */
const SHORT_PASSES_OF_STREAM = 16;

/** The steps of the shortest and the longest pause: less than a tenth of a microsecond, and a few microseconds. */
const MIN_STEPS = 128;
const MAX_STEPS = 8192;

/**
 * Decides how long a receiver waits between two looks at a stream. A receiver that looks after each message takes the
 * cache line of the position away from the sender that writes it. Then each message costs both sides several times as
 * much as in a batch. The pause grows while passes are short, and shrinks while they are long. There is none while this
 * side answers, because then the peer may wait for the answer.
 */
export class StreamPause {
  #steps = 0;
  #shortPasses = 0;

  /** The length of the next pause, in steps of a loop. */
  get steps(): number {
    return this.#steps;
  }

  /** Notes a pass that found work. `hasAnswered`: this side has sent a frame since the last pass. */
  afterPass(pieces: number, hasAnswered: boolean): void {
    if (hasAnswered) this.end();
    else if (pieces < SHORT_PASS) {
      this.#shortPasses += 1;
      if (this.#shortPasses >= SHORT_PASSES_OF_STREAM)
        this.#steps = Math.min(Math.max(this.#steps * 2, MIN_STEPS), MAX_STEPS);
    } else if (this.#steps === 0) this.#shortPasses = 0;
    else if (pieces >= 2 * SHORT_PASS) {
      this.#steps >>>= 1;
      if (this.#steps < MIN_STEPS) this.end();
    }
  }

  /** The stream is over: there was nothing to read for a while, or this side has answered. */
  end(): void {
    this.#steps = 0;
    this.#shortPasses = 0;
  }

  /** Pauses. Touches no shared memory. Returns the number of steps, so that no compiler removes them. */
  wait(): number {
    let taken = 0;
    while (taken < this.#steps) taken += 1;
    return taken;
  }
}
