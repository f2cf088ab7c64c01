import { loadNativeBinding } from '../native-binding.js';
import { afterMicrotask, now } from '../platform-time.js';
import { Companions } from './companions.js';
import { LoopTurn } from './loop-turn.js';
import type { Receiver } from './receiver.js';
import { StreamPause } from './stream-pause.js';

/**
 * The time that the loop may run before timers and I/O run, in milliseconds. A longer slice gains nothing, because
 * continuing costs a few microseconds.
 */
const SLICE_MS = 1;

/**
 * The largest number of pieces of work between two reads of the clock, which costs as much as half a small message.
 * Each slice begins with one piece and doubles, so that callbacks of a millisecond are alone in their slices, unless
 * short ones came before in the same slice.
 */
const MAX_WORK_PER_CLOCK = 128;

/** The largest number of clock reads in a slice. It ends the slice if the clock stands still, so that timers run. */
const MAX_CLOCKS_PER_SLICE = 1024;

/** The looks at receivers between two reads of the clock. */
const LOOKS_PER_CLOCK = 64;

/** More looks at the rings than any processor does in a microsecond. They end a window if the clock stands still. */
const MAX_SPINS_PER_MICROSECOND = 1024;

/**
 * A peer on the same processor answers in a shorter time, in milliseconds. After a longer one, a third thread had the
 * processor, and may take it for milliseconds each time.
 */
const LONG_YIELD_MS = 0.25;

/** The largest number of windows in which the loop keeps the processor from a third thread. */
const MAX_RESTS = 64;

/** Gives the processor to another thread that is ready to run on it. */
function letOthersRun(): void {
  const binding = loadNativeBinding();
  if (binding.ok) binding.value.letOthersRun();
}

/**
 * Runs all awake receivers of one thread. It drains them in turns, polls as long as polling pays off, and then lets
 * them sleep; a wake through the socket brings them back. A receiver that never sleeps lets other threads run instead.
 * One loop, so that many busy connections share one polling window. If a receiver throws, the loop ends only that one.
 */
export class ReceiveLoop {
  readonly #awake: Receiver[] = [];
  readonly #pause: Pick<StreamPause, 'afterPass' | 'end' | 'steps' | 'wait'>;
  readonly #letOthersRun: () => void;
  /** The windows after the last long yield, and after the next one, in which the loop lets nobody run. */
  #restsLeft = 0;
  #rests = 1;
  /** The index of `#awake` that has the next turn. */
  #next = 0;
  readonly #companions = new Companions();
  /** The last receiver that had work. */
  #lastBusy: Receiver | undefined;
  /** Whether a receiver's side has sent a frame since the last pass with work. */
  #hasSent = false;
  /** The receiver whose member runs. */
  #current: Receiver | undefined;
  #isRunning = false;
  #isContinuing = false;
  #sliceEnd = 0;
  #isSliceOver = false;
  #clocksLeft = 0;
  /** The number of allowed pieces of work since the last read of the clock, and the rest of it. */
  #grant = 1;
  #workLeft = 1;

  /** A test passes its own parts. */
  constructor(
    pause: Pick<StreamPause, 'afterPass' | 'end' | 'steps' | 'wait'> = new StreamPause(),
    letOthers: () => void = letOthersRun,
  ) {
    this.#pause = pause;
    this.#letOthersRun = letOthers;
  }

  /**
   * Adds a receiver, which must be declared awake. The loop runs it at once if `isUrgent`, otherwise in the next turn.
   */
  wake(receiver: Receiver, isUrgent: boolean): void {
    if (!this.#awake.includes(receiver)) this.#awake.push(receiver);
    if (receiver.isReferenced) this.#turn.ref();
    if (this.#isRunning || this.#isContinuing || this.#turn.isAsked) return;
    if (isUrgent) this.#startSlice();
    else this.#nextTurn();
  }

  /** Removes a receiver, awake or not. */
  remove(receiver: Receiver): void {
    this.#takeOut(receiver);
    this.#companions.remove(receiver);
    if (this.#lastBusy === receiver) this.#lastBusy = undefined;
  }

  #takeOut(receiver: Receiver): void {
    const index = this.#awake.indexOf(receiver);
    if (index >= 0) {
      this.#awake.splice(index, 1);
      if (index < this.#next) this.#next -= 1;
    }
    if (this.#awake.length === 0) this.#turn.forget();
  }

  readonly #startSlice = (): void => {
    this.#turn.forget();
    this.#sliceEnd = now() + SLICE_MS;
    this.#isSliceOver = false;
    this.#clocksLeft = MAX_CLOCKS_PER_SLICE;
    this.#grant = 1;
    this.#workLeft = 1;
    this.#step();
  };

  readonly #turn = new LoopTurn(this.#startSlice, SLICE_MS);

  readonly #continueSlice = (): void => {
    this.#isContinuing = false;
    this.#step();
  };

  /** Runs all awake receivers once. */
  #step(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    let found = true;
    try {
      if (this.#pause.steps > 0) this.#pause.wait();
      found = this.#pass() || this.#poll() || (this.#yield() && this.#pass());
      if (!found) {
        this.#pause.end();
        this.#sleepAll();
      }
    } catch (error) {
      this.#endCurrent(error);
    } finally {
      this.#isRunning = false;
      this.#current = undefined;
      if (this.#awake.length > 0) this.#schedule(found && !this.#isSliceOver);
    }
  }

  #schedule(isAtOnce: boolean): void {
    if (isAtOnce) {
      // A microtask comes first, so that code that awaits a callback's result runs before the next poll.
      this.#isContinuing = true;
      afterMicrotask(this.#continueSlice);
    } else this.#nextTurn();
  }

  /** Ends the receiver that threw. */
  #endCurrent(error: unknown): void {
    const failed = this.#current;
    if (failed === undefined) throw error;
    this.remove(failed);
    failed.fail(error);
  }

  /** Lets each receiver do a batch, until the slice is over. Returns true if there was work. */
  #pass(): boolean {
    let pieces = 0;
    // A receiver's work may add receivers at the end and remove any of them.
    for (let visits = this.#awake.length; visits > 0 && !this.#isSliceOver; visits -= 1) {
      if (this.#next >= this.#awake.length) this.#next = 0;
      const receiver = this.#awake[this.#next];
      if (receiver === undefined) break;
      this.#next += 1;
      pieces += this.#serve(receiver);
    }
    return this.#endPass(pieces);
  }

  /** Lets a receiver do a batch. Returns the pieces of its work. */
  #serve(receiver: Receiver): number {
    this.#current = receiver;
    const done = receiver.work(this.#workLeft);
    // Also of a receiver without work: this program may pass messages on.
    if (receiver.writer.hasWrittenMore()) this.#hasSent = true;
    if (done === 0) return 0;
    if (receiver !== this.#lastBusy) this.#noteBusy(receiver);
    this.#workLeft -= done;
    if (this.#workLeft <= 0) this.#askClock();
    return done;
  }

  /** Returns true if there was work. */
  #endPass(pieces: number): boolean {
    if (pieces === 0) return false;
    this.#pause.afterPass(pieces, this.#hasSent);
    this.#hasSent = false;
    return true;
  }

  /** Another receiver than before had work. Its work may have ended it. */
  #noteBusy(receiver: Receiver): void {
    if (!this.#awake.includes(receiver)) return;
    this.#lastBusy = receiver;
    this.#companions.add(receiver);
  }

  /** Ends the slice if its time is over, otherwise allows more work. */
  #askClock(): void {
    this.#clocksLeft -= 1;
    this.#isSliceOver = now() > this.#sliceEnd || this.#clocksLeft === 0;
    this.#grant = Math.min(this.#grant * 2, MAX_WORK_PER_CLOCK);
    this.#workLeft = this.#grant;
  }

  /**
   * Looks for work during one window, if polling pays off for an awake receiver. The first one that has some does it at
   * once: a peer waits for the answer. Returns true if there was work.
   */
  #poll(): boolean {
    let microseconds = 0;
    for (const receiver of this.#awake) {
      if (receiver.strategy.wantsPoll()) microseconds = Math.max(microseconds, receiver.pollMicroseconds);
    }
    if (microseconds === 0) return false;
    const asking = this.#awake.length;
    this.#wakeCompanions();
    for (const { writer } of this.#awake) writer.prepareFrame();
    const spinsPerClock = Math.ceil(LOOKS_PER_CLOCK / this.#awake.length);
    // The first read of the clock comes after the time in which an answer usually arrives.
    let end = Infinity;
    const lastSpin = microseconds * MAX_SPINS_PER_MICROSECOND;
    for (let spins = 1; spins < lastSpin; spins += 1) {
      for (const receiver of this.#awake) {
        this.#current = receiver;
        if (!receiver.seemsToHaveWork) continue;
        receiver.strategy.paidOff();
        if (spins > spinsPerClock) this.#pause.end();
        return this.#endPass(this.#serve(receiver));
      }
      if (spins % spinsPerClock !== 0) continue;
      const time = now();
      if (time > end) break;
      if (end === Infinity) end = time + microseconds / 1000;
    }
    this.#awake.forEach((receiver, index) => {
      if (index >= asking) this.#companions.remove(receiver);
      else if (receiver.strategy.mode === 'adaptive') receiver.strategy.missed();
    });
    return false;
  }

  /** Wakes the companions that sleep, so that the window looks at them, too. */
  #wakeCompanions(): void {
    for (const receiver of this.#companions.receivers) {
      if (this.#awake.includes(receiver)) continue;
      this.#current = receiver;
      receiver.wakeUp(false);
    }
  }

  /**
   * Lets other threads run if a receiver never sleeps: the peer may wait for this processor. Returns true if there is
   * work afterwards.
   */
  #yield(): boolean {
    if (!this.#awake.some(({ strategy }) => strategy.mode === 'spin')) return false;
    if (this.#restsLeft > 0) {
      this.#restsLeft -= 1;
      return false;
    }
    const before = now();
    this.#letOthersRun();
    const isShort = now() - before < LONG_YIELD_MS;
    this.#rests = isShort ? 1 : Math.min(this.#rests * 2, MAX_RESTS);
    this.#restsLeft = isShort ? 0 : this.#rests;
    let hasWork = false;
    for (const receiver of this.#awake) {
      this.#current = receiver;
      hasWork ||= receiver.seemsToHaveWork;
    }
    // What comes while a third thread runs says nothing about the peer's processor.
    for (const { strategy } of this.#awake) strategy.letOthersRun(isShort && hasWork);
    if (hasWork) this.#pause.end();
    return hasWork;
  }

  #sleepAll(): void {
    for (const receiver of [...this.#awake]) {
      this.#current = receiver;
      if (receiver.strategy.mode !== 'spin' && receiver.trySleep()) this.#takeOut(receiver);
    }
  }

  #nextTurn(): void {
    this.#turn.ask(this.#awake.some((receiver) => receiver.isReferenced));
  }
}

/** The loop of this thread. */
export const receiveLoop = new ReceiveLoop();
