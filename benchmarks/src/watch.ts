import { PerformanceObserver } from 'node:perf_hooks';

/** The period of the timer whose lateness is watched, in milliseconds. */
const TIMER_MS = 1;

/** Objects of about 100 bytes: 50 MB, more than V8's largest young generation lets survive before it grows. */
const SURVIVORS = 500_000;

/**
 * Gives V8's young generation the size that it has in a process which has worked for some seconds. V8 doubles it when as
 * many bytes as it holds have survived, at the first time while the program is loaded. Without this, a program with fewer
 * modules would show more collections for the same messages.
 */
function growYoungGeneration(): number {
  const survivors = Array.from({ length: SURVIVORS }, (_, index) => ({ index, text: [index, index, index, index] }));
  return survivors.length;
}

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
  #isGrown = false;
  #delaysMs: number[] = [];
  #pauses = 0;
  #pauseMs = 0;
  #longestPauseMs = 0;
  #heapBytes = 0;

  start(): void {
    if (!this.#isGrown) growYoungGeneration();
    this.#isGrown = true;
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
