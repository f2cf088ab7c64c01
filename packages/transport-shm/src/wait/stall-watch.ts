import { clearInterval, now, setInterval } from '../platform-time.js';

/** A connection whose peer may have stopped reading. */
export interface Watched {
  /** Looks whether the peer has read since the last look. */
  checkResponsiveness(nowMs: number): void;
  /** Wakes up where there is something to do although nobody woke this side. */
  checkMissedWake(): void;
  /** Ends it: one of the members above threw `error`. */
  fail(error: unknown): void;
}

/** How often all connections are looked at, in milliseconds. */
export const STALL_WATCH_INTERVAL_MS = 250;

/** One in so many looks is also for wakes that got lost: once in a second. */
const LOOKS_PER_WAKE_CHECK = 4;

/** One timer a thread for all connections: looking at one costs two loads. It keeps no process alive. */
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

/** This thread's watch. */
export const stallWatch = new StallWatch();
