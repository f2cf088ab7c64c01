/** Taken when the module is loaded: a fake clock of a test framework holds no stream up. */
const nextTick = process.nextTick.bind(process);

/**
 * So many writes of one turn go at once, each by itself, as those of a socket do: what was written is on its way although
 * the stream is destroyed, or the process exits, in the same turn.
 */
const DIRECT_WRITES = 16;

/**
 * Says when the callback of a write comes. Node.js keeps further writes back until then and hands them over together: a
 * program that writes many small chunks in one turn pays for few messages.
 */
export class WriteBurst {
  #writes = 0;
  #held: (() => void) | undefined;

  /** The transport has taken what was written: calls back now, or when the turn has ended. */
  taken(callback: () => void): void {
    if (this.#writes === 0) nextTick(this.#onTurnEnd);
    this.#writes += 1;
    if (this.#writes <= DIRECT_WRITES) callback();
    else this.#held = callback;
  }

  /** Calls back now where that was put off: the stream ends, and what Node.js kept back goes first. */
  release(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.();
  }

  readonly #onTurnEnd = (): void => {
    this.#writes = 0;
    this.release();
  };
}
