import { clearInterval, now, setInterval } from '../platform-time.js';

/** A connection whose peer may have stopped reading. */
export interface Watched {
  /** Checks whether the peer has read since the last check. */
  checkResponsiveness(nowMs: number): void;
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
 * One timer for all connections of a thread. A check of one connection costs two loads. It keeps no process alive.
 */
export class StallWatch {
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;

  add(watched: Watched): void {
    this.#watched.add(watched);
    this.#timer ??= setInterval(() => {
      this.#look();
    }, STALL_WATCH_INTERVAL_MS).unref();
  }

  remove(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const time = now();
    this.#looks += 1;
    const isForWakes = this.#looks % LOOKS_PER_WAKE_CHECK === 0;
    for (const each of this.#watched) {
      try {
        each.checkResponsiveness(time);
        if (isForWakes) each.checkMissedWake();
      } catch (error) {
        each.fail(error);
      }
    }
  }
}

/** The watch of this thread. */
export const stallWatch = new StallWatch();
