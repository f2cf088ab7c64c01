import { afterMicrotask, clearImmediate, clearTimeout, now, setImmediate, setTimeout } from '../platform-time.js';
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
  /** Does at most `limit` pieces of work: a frame is one, and so is a report of room. Returns how many it did. */
  work(limit: number): number;
  /** Declares that it sleeps, then looks again; false, and awake, where work has come in between. */
  trySleep(): boolean;
  /** Ends it: one of the members above threw `error`. The loop has taken it out. */
  fail(error: unknown): void;
}

/**
 * How long the loop may run before timers and I/O get their turn, in milliseconds. Longer gains nothing: coming back
 * costs a few microseconds.
 */
const SLICE_MS = 1;

/**
 * The most pieces of work between two looks at the clock, which costs as much as half a small message. Each slice begins
 * with one piece and doubles, so that a callback of a millisecond is alone in its slice.
 */
const MAX_WORK_PER_CLOCK = 128;

/** So many looks end a slice whatever the clock says: a clock that stands still must not keep timers from their turn. */
const MAX_CLOCKS_PER_SLICE = 1024;

const SPINS_PER_CLOCK = 64;

/** More looks at the rings than any processor does in a microsecond: they end a window where the clock stands still. */
const MAX_SPINS_PER_MICROSECOND = 1024;

/**
 * The receiving side of every connection of one thread that is awake. It drains them in turns, polls for a while as long
 * as that pays off, and lets them go to sleep; a doorbell brings them back. One loop, so that many busy connections
 * share one window of polling. A receiver that throws is ended alone; the loop and the others go on.
 */
export class ReceiveLoop {
  readonly #awake: Receiver[] = [];
  /** Whose turn is next: an index of `#awake`. */
  #next = 0;
  /** The one whose member runs. */
  #current: Receiver | undefined;
  #immediate: NodeJS.Immediate | undefined;
  /** Beside an immediate that keeps nothing alive: the event loop sleeps on in spite of such a one, but not of a timer. */
  #timer: NodeJS.Timeout | undefined;
  #isRunning = false;
  #isContinuing = false;
  #sliceEnd = 0;
  #isSliceOver = false;
  #clocksLeft = 0;
  /** How much work was allowed since the last look at the clock, and how much of it is left. */
  #grant = 1;
  #workLeft = 1;

  /** Adds a receiver, which must be declared awake. It is worked on at once if `isUrgent`, else in the next turn. */
  wake(receiver: Receiver, isUrgent: boolean): void {
    if (!this.#awake.includes(receiver)) this.#awake.push(receiver);
    if (this.#immediate !== undefined && receiver.isReferenced) this.#immediate.ref();
    if (this.#isRunning || this.#isContinuing || this.#immediate !== undefined) return;
    if (isUrgent) this.#startSlice();
    else this.#nextTurn();
  }

  /** Takes a receiver out, whether it is awake or not. */
  remove(receiver: Receiver): void {
    const index = this.#awake.indexOf(receiver);
    if (index >= 0) {
      this.#awake.splice(index, 1);
      if (index < this.#next) this.#next -= 1;
    }
    if (this.#awake.length === 0) this.#forgetTurn();
  }

  readonly #startSlice = (): void => {
    this.#forgetTurn();
    this.#sliceEnd = now() + SLICE_MS;
    this.#isSliceOver = false;
    this.#clocksLeft = MAX_CLOCKS_PER_SLICE;
    this.#grant = 1;
    this.#workLeft = 1;
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
    let found = true;
    try {
      found = this.#pass() || (this.#poll() && this.#pass());
      if (!found) this.#sleepAll();
    } catch (error) {
      this.#endCurrent(error);
    } finally {
      this.#isRunning = false;
      this.#current = undefined;
      if (this.#awake.length > 0) this.#schedule(found && !this.#isSliceOver);
    }
  }

  #schedule(isAtOnce: boolean): void {
    if (!isAtOnce) {
      this.#nextTurn();
      return;
    }
    // By way of a microtask, so that what callbacks awaited or resolved runs before the next poll.
    this.#isContinuing = true;
    afterMicrotask(this.#continueSlice);
  }

  /** Ends the receiver that threw. */
  #endCurrent(error: unknown): void {
    const failed = this.#current;
    if (failed === undefined) throw error;
    this.remove(failed);
    failed.fail(error);
  }

  /** Lets each do a batch, until the slice is over; true where there was something to do. */
  #pass(): boolean {
    let found = false;
    // Work may add receivers at the end and remove any.
    for (let visits = this.#awake.length; visits > 0 && !this.#isSliceOver; visits -= 1) {
      if (this.#next >= this.#awake.length) this.#next = 0;
      const receiver = this.#awake[this.#next];
      if (receiver === undefined) break;
      this.#current = receiver;
      this.#next += 1;
      const done = receiver.work(this.#workLeft);
      if (done === 0) continue;
      found = true;
      this.#workLeft -= done;
      if (this.#workLeft <= 0) this.#askClock();
    }
    return found;
  }

  /** Ends the slice if its time is over, else allows more work. */
  #askClock(): void {
    this.#clocksLeft -= 1;
    this.#isSliceOver = now() > this.#sliceEnd || this.#clocksLeft === 0;
    this.#grant = Math.min(this.#grant * 2, MAX_WORK_PER_CLOCK);
    this.#workLeft = this.#grant;
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
    const lastSpin = microseconds * MAX_SPINS_PER_MICROSECOND;
    for (let spins = 1; spins < lastSpin; spins += 1) {
      for (const receiver of this.#awake) {
        this.#current = receiver;
        if (!receiver.seemsToHaveWork) continue;
        receiver.strategy.paidOff();
        return true;
      }
      if (spins % SPINS_PER_CLOCK !== 0) continue;
      const time = now();
      if (time > end) break;
      if (end === Infinity) end = time + microseconds / 1000;
    }
    for (const receiver of this.#awake) receiver.strategy.missed();
    return false;
  }

  #sleepAll(): void {
    for (const receiver of [...this.#awake]) {
      this.#current = receiver;
      if (receiver.strategy.mode !== 'spin' && receiver.trySleep()) this.remove(receiver);
    }
  }

  #nextTurn(): void {
    this.#immediate ??= setImmediate(this.#startSlice);
    if (this.#awake.some((receiver) => receiver.isReferenced)) return;
    this.#immediate.unref();
    this.#timer ??= setTimeout(this.#startSlice, SLICE_MS).unref();
  }

  #forgetTurn(): void {
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#immediate = undefined;
    this.#timer = undefined;
  }
}

/** This thread's loop. */
export const receiveLoop = new ReceiveLoop();
