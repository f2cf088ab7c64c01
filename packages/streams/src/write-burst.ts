import { callOut } from './stream-error.js';

/** Captured when the module is loaded, so that a fake clock of a test framework does not delay a stream. */
const nextTick = process.nextTick.bind(process);

/**
 * The number of writes of one turn that go at once and separately, like those of a socket. They are on their way even
 * if the program destroys the stream, or the process exits, in the same turn.
 */
const DIRECT_WRITES = 16;

/**
 * Decides when a write calls back. Until then Node.js holds further writes, and passes them on together. So a program
 * that writes many small chunks in one turn sends few messages.
 */
export class WriteBurst {
  #writes = 0;
  #held: (() => void) | undefined;

  /** The transport has taken the bytes: calls back now, or after the present turn. */
  taken(callback: () => void): void {
    if (this.#writes === 0) nextTick(this.#onTurnEnd);
    this.#writes += 1;
    if (this.#writes <= DIRECT_WRITES) callOut(callback);
    else this.#held = callback;
  }

  /** Calls a delayed callback now, because the stream ends and the writes that Node.js holds must go first. */
  release(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) callOut(held);
  }

  readonly #onTurnEnd = (): void => {
    this.#writes = 0;
    this.release();
  };
}
