import { PerformanceObserver } from 'node:perf_hooks';

/** The period of the timer whose lateness is watched, in milliseconds. */
const TIMER_MS = 1;

/** What one process notices of itself while messages arrive: late timers, garbage collections, growth of the heap. */
export class Watch {
  readonly #collections = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      this.#pauseMs += duration;
      this.#longestPauseMs = Math.max(this.#longestPauseMs, duration);
      this.#pauses += 1;
    }
  });
  #timer: NodeJS.Timeout | undefined;
  #delaysMs: number[] = [];
  #pauses = 0;
  #pauseMs = 0;
  #longestPauseMs = 0;
  #heapBytes = 0;

  start(): void {
    globalThis.gc?.();
    this.#delaysMs = [];
    this.#pauses = 0;
    this.#pauseMs = 0;
    this.#longestPauseMs = 0;
    this.#collections.observe({ entryTypes: ['gc'] });
    let due = performance.now() + TIMER_MS;
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#delaysMs.push(Math.max(0, now - due));
      due = now + TIMER_MS;
    }, TIMER_MS);
    this.#heapBytes = process.memoryUsage().heapUsed;
  }

  /** Timer delay p50 and p99, collections, their time in all and the longest (milliseconds), growth of the heap (bytes). */
  stop(): readonly number[] {
    const heapBytes = process.memoryUsage().heapUsed - this.#heapBytes;
    clearInterval(this.#timer);
    this.#collections.disconnect();
    const sorted = this.#delaysMs.sort((a, b) => a - b);
    const at = (fraction: number): number => sorted[Math.floor(sorted.length * fraction)] ?? 0;
    return [at(0.5), at(0.99), this.#pauses, this.#pauseMs, this.#longestPauseMs, heapBytes];
  }
}
