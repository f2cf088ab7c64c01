import { numberOrKind } from '@entropynet/core';
import { setTimerReferenced, startTimer, stopTimer, type Timer } from '@entropynet/core/platform';

/** The longest time of a timer. A longer one would fire at once. */
const MOST_MILLISECONDS = 2 ** 31 - 1;

/** Calls back after a time without a byte, like the timeout of a socket. It keeps no process alive. */
export class IdleTimer {
  readonly #onIdle: () => void;
  #timer: Timer | undefined;
  /** The time in milliseconds; 0 means none. */
  milliseconds = 0;

  constructor(onIdle: () => void) {
    this.#onIdle = onIdle;
  }

  /**
   * Throws a `RangeError` (`ERR_OUT_OF_RANGE`) unless the value is a number from 0 on. Shortens a time that is too long
   * for a timer, with a warning.
   */
  set(milliseconds: number): void {
    if (typeof milliseconds !== 'number' || !(milliseconds >= 0)) {
      const sentence = `a timeout is a number of milliseconds, 0 or more; ${numberOrKind(milliseconds)} was given`;
      throw Object.assign(new RangeError(sentence), { code: 'ERR_OUT_OF_RANGE' });
    }
    if (milliseconds > MOST_MILLISECONDS) {
      const sentence = `a timeout of ${milliseconds} ms is longer than a timer holds: it is ${MOST_MILLISECONDS} ms now`;
      process.emitWarning(sentence, 'TimeoutOverflowWarning');
    }
    this.milliseconds = Math.min(milliseconds, MOST_MILLISECONDS);
    this.stop();
    if (this.milliseconds === 0) return;
    this.#timer = startTimer(this.#onIdle, this.milliseconds);
    setTimerReferenced(this.#timer, false);
  }

  /** A byte was moved. */
  refresh(): void {
    if (this.#timer === undefined) return;
    // In some sandboxes a timer is a number.
    if (typeof this.#timer === 'object') this.#timer.refresh();
    else this.set(this.milliseconds);
  }

  stop(): void {
    stopTimer(this.#timer);
    this.#timer = undefined;
  }
}
