import type { SharedMemoryConfig } from '../shared-memory-options.js';

/** How a receiver waits for the next message. */
export type WaitMode = SharedMemoryConfig['wait'];

/** Polling no longer pays off after this number of windows in a row that were in vain. */
const MISSES_TO_GIVE_UP = 4;

/**
 * While polling does not pay off, the receiver tries a window after this number of opportunities, to see if it pays off
 * again. The number doubles with each window in vain: a moment of disturbance costs little, and so does a peer that
 * shares the processor.
 */
const FIRST_PAUSE = 4;
const LONGEST_PAUSE = 64;

/**
 * Decides whether polling pays off for one receiver. `sleep` never polls. `adaptive` polls as long as polling has
 * recently paid off, and otherwise sleeps. `spin` never sleeps: it polls, and then lets other threads run. If that
 * brought the message again and again, both processes share a processor, and a window only keeps the peer from its
 * answer. Then it lets others run without a window before.
 */
export class WaitStrategy {
  readonly mode: WaitMode;
  #misses = 0;
  /** The opportunities between two tries, and those until the next one. */
  #pause = FIRST_PAUSE;
  #left = 0;
  /** Whether a window has brought a message, and not been given up since. */
  #hasPaidOff = false;
  /** The frames that this side sends while it sleeps, until it tries a window for the answer. */
  #sendsLeft = FIRST_PAUSE;

  constructor(mode: WaitMode) {
    this.mode = mode;
  }

  /** Called once before each polling window. */
  wantsPoll(): boolean {
    if (this.mode === 'sleep') return false;
    if (this.#misses < MISSES_TO_GIVE_UP) return true;
    this.#left -= 1;
    return this.#left <= 0;
  }

  /**
   * This side sleeps and sends a frame. Returns whether it should poll for the answer. A new connection does not, because
   * nothing shows yet how fast its peer answers.
   */
  wantsAnswer(): boolean {
    if (this.mode === 'sleep') return false;
    if (this.#hasPaidOff) return true;
    this.#sendsLeft -= 1;
    if (this.#sendsLeft > 0) return false;
    this.#sendsLeft = this.#pause;
    // The next window is the try.
    this.#left = 0;
    return true;
  }

  /** A window ended with a message. */
  paidOff(): void {
    this.#misses = 0;
    this.#hasPaidOff = true;
  }

  /** A window ended without a message, and the receiver is about to sleep. */
  missed(): void {
    if (this.#misses < MISSES_TO_GIVE_UP) {
      this.#misses += 1;
      this.#pause = FIRST_PAUSE;
      this.#left = FIRST_PAUSE;
      this.#sendsLeft = FIRST_PAUSE;
      if (this.#misses === MISSES_TO_GIVE_UP) this.#hasPaidOff = false;
    } else if (this.#left <= 0) {
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
      this.#left = this.#pause;
    }
  }

  /** The loop let others run. `broughtWork`: that took a moment, and a message came: a window before was in vain. */
  letOthersRun(broughtWork: boolean): void {
    if (this.mode !== 'spin') return;
    if (broughtWork) this.missed();
    else this.#misses = 0;
  }
}
