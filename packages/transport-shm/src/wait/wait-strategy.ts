import type { SharedMemoryConfig } from '../shared-memory-options.js';

/** How a receiver waits for the next message. */
export type WaitMode = SharedMemoryConfig['wait'];

/** After this many windows in a row that saw nothing, polling has stopped to pay off. */
const MISSES_TO_GIVE_UP = 4;

/** While it does not pay off, one in so many chances is taken to see whether it does again. */
const PROBE_EVERY = 64;

/**
 * Decides whether one receiver is worth polling for. `adaptive` polls as long as polling has recently paid off;
 * `sleep` never does; `spin` always does and never sleeps.
 */
export class WaitStrategy {
  readonly mode: WaitMode;
  #misses = 0;
  #chances = 0;

  constructor(mode: WaitMode) {
    this.mode = mode;
  }

  /** Asked once before each window of polling. */
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

  /** A window ended without one. */
  missed(): void {
    if (this.#misses < MISSES_TO_GIVE_UP) this.#misses += 1;
  }
}
