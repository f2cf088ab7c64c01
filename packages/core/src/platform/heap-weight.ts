import type { HeapSpaceInfo } from 'node:v8';
import { setTimerReferenced, startTimer } from './clock.js';

/** The weight: 8 MiB of numbers, which V8 counts and never searches for references. */
const WEIGHT_NUMBERS = 1024 * 1024;
/** So many bytes outside the heap call for the weight: V8 frees young ones at this number. */
const MANY_BYTES = 32 * 1024 * 1024;
/** The weight goes after an interval, in milliseconds, in which fewer bytes came. */
const INTERVAL_MS = 10_000;
/** With old objects of this size, a heap is heavy enough without a weight, in bytes. */
const HEAVY_BYTES = 32 * 1024 * 1024;
/** In a heap that may not grow larger than this, there is no room for a weight, in bytes. */
const LEAST_LIMIT_BYTES = 256 * 1024 * 1024;

/** The sizes of a heap that decide about the weight, in bytes. */
export interface HeapSizes {
  /** The objects that have survived collections. V8 compares only these with the memory outside the heap. */
  readonly old: number;
  /** The largest size to which the heap may grow. */
  readonly limit: number;
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
    if (this.#bytes >= MANY_BYTES && this.#weight === undefined) this.#consider();
  }

  /** Adds the weight if the heap is light. Otherwise the next many bytes ask again, because the heap may shrink. */
  #consider(): void {
    this.#bytes = 0;
    const sizes = this.#platform.sizes();
    if (sizes === undefined || sizes.old >= HEAVY_BYTES || sizes.limit < LEAST_LIMIT_BYTES) return;
    const weight = new Array<number>(WEIGHT_NUMBERS).fill(0.5);
    this.#watch();
    // Last: without memory for the weight or the timer, a later message tries again.
    this.#weight = weight;
  }

  #watch(): void {
    this.#platform.later(() => {
      const weight = this.#weight;
      this.#weight = undefined;
      if (this.#bytes < MANY_BYTES) return;
      this.#bytes = 0;
      this.#watch();
      this.#weight = weight;
    }, INTERVAL_MS);
  }
}

const runtime = typeof process === 'undefined' ? undefined : process;

/** The weight of this thread's heap. */
export const heapWeight = new HeapWeight({
  // Loaded when it is needed: the module takes 32 kilobytes of the heap of every program.
  sizes: () => {
    try {
      const v8 = runtime?.getBuiltinModule?.('node:v8');
      return v8 && { old: oldBytesOf(v8.getHeapSpaceStatistics()), limit: v8.getHeapStatistics().heap_size_limit };
    } catch {
      // Runtimes with another engine have the functions, and some of them throw.
      return undefined;
    }
  },
  later: (callback, milliseconds) => {
    setTimerReferenced(startTimer(callback, milliseconds), false);
  },
});

/** Young objects come and go, up to tens of megabytes of them, and say nothing about the old ones. */
function oldBytesOf(spaces: readonly Pick<HeapSpaceInfo, 'space_name' | 'space_used_size'>[]): number {
  return spaces
    .filter(({ space_name: name }) => !name.startsWith('new_'))
    .reduce((sum, { space_used_size: size }) => sum + size, 0);
}
