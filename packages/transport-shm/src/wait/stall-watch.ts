import { Roster } from '@entropynet/core';
import { clearInterval, now, setInterval } from '../platform-time.js';

/** A connection whose peer may have stopped reading. */
export interface Watched {
  /**
   * Checks whether the peer has read since the last check. Returns false if it has read everything: the watch checks it
   * again after `expectProgress()` only.
   */
  checkResponsiveness(nowMs: number): boolean;
  /** Wakes the connection if it has work although no wake came. */
  checkMissedWake(): void;
  /** Ends the connection, because one of the members above threw `error`. */
  fail(error: unknown): void;
}

/** The interval of the checks of all connections, in milliseconds. */
export const STALL_WATCH_INTERVAL_MS = 250;

/** One check in this number also looks for lost wakes: one a second. */
const LOOKS_PER_WAKE_CHECK = 4;

/**
 * One timer for all connections of a thread. It keeps no process alive. A connection over which nothing is sent costs one
 * look a second, because the memory of a thousand connections is in no cache.
 */
export class StallWatch {
  readonly #watched = new Roster<Watched>();
  /** The connections whose peers may have something to read. */
  readonly #expected = new Roster<Watched>();
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;

  add(watched: Watched): void {
    this.#watched.add(watched);
    this.#expected.add(watched);
    this.#timer ??= setInterval(() => {
      this.look();
    }, STALL_WATCH_INTERVAL_MS).unref();
  }

  /** From now on, the peer of `watched` has something to read. Has no effect unless `watched` was added. */
  expectProgress(watched: Watched): void {
    if (this.#watched.has(watched)) this.#expected.add(watched);
  }

  remove(watched: Watched): void {
    this.#watched.delete(watched);
    this.#expected.delete(watched);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Checks the peers now. The timer calls it. */
  look(): void {
    const time = now();
    for (const each of this.#expected) {
      try {
        if (!each.checkResponsiveness(time)) this.#expected.delete(each);
      } catch (error) {
        each.fail(error);
      }
    }
    this.#looks += 1;
    if (this.#looks % LOOKS_PER_WAKE_CHECK === 0) this.#lookForWakes();
  }

  #lookForWakes(): void {
    for (const each of this.#watched) {
      try {
        each.checkMissedWake();
      } catch (error) {
        each.fail(error);
      }
    }
  }
}

/** The watch of this thread. */
export const stallWatch = new StallWatch();
