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
  /** Does a bounded batch; how much it found to do: the frames, and one more where a writer may go on. */
  work(): number;
  /** How far this side has written: moves with every frame it sends. */
  readonly sentPosition: number;
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

/**
 * Passes in a row that find less than this, and answer nothing, mean a stream whose sender is no faster than this side.
 * Looking for each frame by itself then costs both sides more than the frame: the lines change hands for each message.
 */
const THIN_PASS = 16;

/** So long such a stream gathers before the next pass, in milliseconds. */
const GATHER_MS = 0.0004;

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
  /** Passes in a row that looked like a stream, and the sum of what all had sent at the last one. */
  #thinPasses = 0;
  #sentPositions = 0;

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
    let found = 0;
    let sentPositions = 0;
    // By index: work may add receivers at the end and remove any.
    for (let index = 0; index < this.#awake.length; index += 1) {
      const receiver = this.#awake[index] as Receiver;
      found += receiver.work();
      sentPositions = (sentPositions + receiver.sentPosition) | 0;
    }
    const isStream = found > 0 && found < THIN_PASS && sentPositions === this.#sentPositions;
    this.#sentPositions = sentPositions;
    this.#thinPasses = isStream ? this.#thinPasses + 1 : 0;
    if (this.#thinPasses > 1) gather();
    return found > 0;
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

function gather(): void {
  const end = performance.now() + GATHER_MS;
  while (performance.now() < end) {
    // Without a look at the region: its lines are the sender's meanwhile.
  }
}

/** This thread's loop. */
export const receiveLoop = new ReceiveLoop();
