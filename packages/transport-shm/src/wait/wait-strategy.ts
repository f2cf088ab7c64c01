import type { SharedMemoryConfig } from '../shared-memory-options.js';

/** How a receiver waits for the next message. */
export type WaitMode = SharedMemoryConfig['wait'];

/** Polling no longer pays off after this number of windows in a row without a message. */
const MISSES_TO_GIVE_UP = 4;

/** While polling does not pay off, the receiver polls in one of this number of windows, to see if it pays off again. */
const PROBE_EVERY = 64;

/**
 * Decides whether polling pays off for one receiver. `adaptive` polls as long as polling has recently paid off; `sleep`
 * never polls; `spin` always polls and never sleeps.
 */
export class WaitStrategy {
  readonly mode: WaitMode;
  #misses = 0;
  #chances = 0;

  constructor(mode: WaitMode) {
    this.mode = mode;
  }

  /** Called once before each polling window. */
  wantsPoll(): boolean {
    if (this.mode !== 'adaptive') return this.mode === 'spin';
    if (this.#misses < MISSES_TO_GIVE_UP) return true;
    this.#chances += 1;
    return this.#chances % PROBE_EVERY === 0;
  }

  /** A window ended with a message. */
  paidOff(): void {
    this.#misses = 0;
  }

  /** A window ended without a message. */
  missed(): void {
    if (this.#misses < MISSES_TO_GIVE_UP) this.#misses += 1;
  }
}
