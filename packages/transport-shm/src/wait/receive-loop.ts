import type { WaitStrategy } from './wait-strategy.js';

/** What the loop drives: one end of a region. */
export interface Receiver {
  readonly strategy: WaitStrategy;
  /** How long a window of polling lasts, in microseconds. */
  readonly pollMicroseconds: number;
  /** Whether it keeps the process alive. */
  readonly isReferenced: boolean;
  /** Whether there seems to be something to do: a hint, which may be late. One or two loads. */
  readonly seemsToHaveWork: boolean;
  /** Does a bounded batch; true where it found something to do. */
  work(): boolean;
  /** Declares that it sleeps, then looks again; false, and awake, where work has come in between. */
  trySleep(): boolean;
}

/**
 * How long the loop may run before timers and I/O get their turn, in milliseconds. Longer gains nothing: coming back
 * costs a few microseconds.
 */
const SLICE_MS = 1;

/** The clock costs more than a small message, so it is asked once in so many steps. */
const STEPS_PER_CLOCK = 16;
const SPINS_PER_CLOCK = 64;

const RESOLVED = Promise.resolve();

/**
 * The receiving side of every connection of one thread that is awake. It drains them in turns, polls for a while as long
 * as that pays off, and lets them go to sleep; a doorbell brings them back. One loop, so that many busy connections
 * share one window of polling.
 */
export class ReceiveLoop {
  readonly #awake: Receiver[] = [];
  #immediate: NodeJS.Immediate | undefined;
  #isRunning = false;
  #isContinuing = false;
  #sliceEnd = 0;
  #steps = 0;

  /** Adds a receiver, which must be declared awake. It is worked on at once if `isUrgent`, else in the next turn. */
  wake(receiver: Receiver, isUrgent: boolean): void {
    if (!this.#awake.includes(receiver)) this.#awake.push(receiver);
    if (this.#isRunning || this.#isContinuing || this.#immediate !== undefined) return;
    if (isUrgent) this.#startSlice();
    else this.#nextTurn();
  }

  /** Takes a receiver out, whether it is awake or not. */
  remove(receiver: Receiver): void {
    const index = this.#awake.indexOf(receiver);
    if (index >= 0) this.#awake.splice(index, 1);
    if (this.#awake.length > 0 || this.#immediate === undefined) return;
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
  }

  readonly #startSlice = (): void => {
    this.#immediate = undefined;
    this.#sliceEnd = performance.now() + SLICE_MS;
    this.#step();
  };

  readonly #continueSlice = (): void => {
    this.#isContinuing = false;
    this.#step();
  };

  /** One pass over all that are awake. */
  #step(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const found = this.#pass() || (this.#poll() && this.#pass());
    if (!found) this.#sleepAll();
    this.#isRunning = false;
    if (this.#awake.length === 0) return;
    this.#steps += 1;
    const isSliceOver = !found || (this.#steps % STEPS_PER_CLOCK === 0 && performance.now() > this.#sliceEnd);
    if (isSliceOver) {
      this.#nextTurn();
      return;
    }
    // By way of a microtask, so that what callbacks awaited or resolved runs before the next poll.
    this.#isContinuing = true;
    void RESOLVED.then(this.#continueSlice);
  }

  /** Lets each do a batch; true where there was something to do. */
  #pass(): boolean {
    let found = false;
    // By index: work may add receivers at the end and remove any.
    for (let index = 0; index < this.#awake.length; index += 1) {
      if (this.#awake[index]?.work() === true) found = true;
    }
    return found;
  }

  /** Looks for work for one window, if any receiver that is awake is worth it; true as soon as there is some. */
  #poll(): boolean {
    let microseconds = 0;
    for (const receiver of this.#awake) {
      if (receiver.strategy.wantsPoll()) microseconds = Math.max(microseconds, receiver.pollMicroseconds);
    }
    if (microseconds === 0) return false;
    // The clock is first asked when the answer to a message may well be there already.
    let end = Infinity;
    for (let spins = 1; ; spins += 1) {
      for (const receiver of this.#awake) {
        if (!receiver.seemsToHaveWork) continue;
        receiver.strategy.paidOff();
        return true;
      }
      if (spins % SPINS_PER_CLOCK !== 0) continue;
      const now = performance.now();
      if (now > end) break;
      if (end === Infinity) end = now + microseconds / 1000;
    }
    for (const receiver of this.#awake) receiver.strategy.missed();
    return false;
  }

  #sleepAll(): void {
    for (const receiver of [...this.#awake]) {
      if (receiver.strategy.mode !== 'spin' && receiver.trySleep()) this.remove(receiver);
    }
  }

  #nextTurn(): void {
    this.#immediate ??= setImmediate(this.#startSlice);
    if (this.#awake.every((receiver) => !receiver.isReferenced)) this.#immediate.unref();
  }
}

/** This thread's loop. */
export const receiveLoop = new ReceiveLoop();
