/** A connection whose peer may have stopped reading. */
export interface Watched {
  /** Looks whether the peer has read since the last look. */
  checkResponsiveness(nowMs: number): void;
  /** Wakes up where there is something to do although nobody woke this side. */
  checkMissedWake(): void;
}

/** How often all connections are looked at, in milliseconds. */
const INTERVAL_MS = 250;

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
      const now = performance.now();
      for (const each of this.#watched) each.checkResponsiveness(now);
      this.#looks += 1;
      if (this.#looks % LOOKS_PER_WAKE_CHECK !== 0) return;
      for (const each of this.#watched) each.checkMissedWake();
    }, INTERVAL_MS).unref();
  }

  remove(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** This thread's watch. */
export const stallWatch = new StallWatch();
