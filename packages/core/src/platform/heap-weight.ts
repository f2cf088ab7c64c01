import { setTimerReferenced, startTimer } from './clock.js';

/** The weight: 8 MiB of numbers, which V8 counts and never searches for references. */
const WEIGHT_NUMBERS = 1024 * 1024;
/** So many bytes outside the heap call for the weight: V8 frees young ones at this number. */
const MANY_BYTES = 32 * 1024 * 1024;
/** The weight goes after an interval, in milliseconds, in which fewer bytes came. */
const INTERVAL_MS = 10_000;
/** A heap of this size is heavy enough without a weight, in bytes. */
const HEAVY_BYTES = 32 * 1024 * 1024;
/** In a heap that may not grow larger than this, there is no room for a weight, in bytes. */
const LEAST_LIMIT_BYTES = 256 * 1024 * 1024;

/** The part of V8's statistics that decides about the weight, in bytes. */
export interface HeapSizes {
  readonly used_heap_size: number;
  readonly heap_size_limit: number;
}

/** The functions of the platform that a weight needs. */
export interface HeapPlatform {
  /** Returns the sizes of this thread's heap; undefined if the runtime tells none. */
  sizes(): HeapSizes | undefined;
  /** Calls `callback` once after that time. It must not keep the process alive. */
  later(callback: () => void, milliseconds: number): void;
}

/**
 * Makes the heap heavier while many owned messages come. V8 marks the whole heap when the old objects, and the memory
 * outside the heap that came since the last marking, exceed about four times the old objects. It lets up to 32 MiB of
 * memory outside the heap gather before it frees the young part of it. In a process with few objects these 32 MiB alone
 * reach the limit, so V8 marks the heap again and again. That takes most of the time of a message of a kilobyte or more.
 */
export class HeapWeight {
  readonly #platform: HeapPlatform;
  #weight: readonly number[] | undefined;
  #isWatching = false;
  #bytes = 0;

  constructor(platform: HeapPlatform) {
    this.#platform = platform;
  }

  /** Whether the heap has its weight. */
  get isHeld(): boolean {
    return this.#weight !== undefined;
  }

  /** A message takes that many bytes outside the heap. Hot path: an addition and a comparison. */
  need(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= MANY_BYTES && !this.#isWatching) this.#begin();
  }

  #begin(): void {
    const sizes = this.#platform.sizes();
    if (sizes !== undefined && sizes.used_heap_size < HEAVY_BYTES && sizes.heap_size_limit >= LEAST_LIMIT_BYTES)
      this.#weight = new Array<number>(WEIGHT_NUMBERS).fill(0.5);
    this.#watch();
  }

  #watch(): void {
    this.#bytes = 0;
    this.#platform.later(() => {
      this.#isWatching = false;
      if (this.#bytes >= MANY_BYTES) this.#watch();
      else this.#weight = undefined;
    }, INTERVAL_MS);
    // Last: without memory for the weight or the timer, a later message tries again.
    this.#isWatching = true;
  }
}

const runtime = typeof process === 'undefined' ? undefined : process;

/** The weight of this thread's heap. */
export const heapWeight = new HeapWeight({
  // Loaded when it is needed: the module takes 32 kilobytes of the heap of every program.
  sizes: () => runtime?.getBuiltinModule?.('node:v8').getHeapStatistics(),
  later: (callback, milliseconds) => {
    setTimerReferenced(startTimer(callback, milliseconds), false);
  },
});
