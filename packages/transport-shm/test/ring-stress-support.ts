import type { RingLocation } from '@entropynet/transport-shm/internal/ring/ring-location';

/** Words of the stress test's memory; far enough apart for a cache line each. */
const TAIL = 0;
const HEAD = 16;
const WAITS = 48;
export const SLEEP = 32;
/** Counts the reports of room to the producer: what it sleeps on. */
export const BELL = 64;
const START = 320;

/** Far longer than any wake takes: a thread that waits so long was forgotten. */
export const WAIT_MS = 15_000;

/** The orders for both threads. */
export interface StressPlan {
  readonly buffer: SharedArrayBuffer;
  readonly capacity: number;
  readonly count: number;
  /** Whether the producer lets the consumer run dry before each frame: a wake that is lost then is never made up for. */
  readonly isPaced: boolean;
}

export function makePlan(capacity: number, count: number, isPaced: boolean): StressPlan {
  return { buffer: new SharedArrayBuffer(START + capacity), capacity, count, isPaced };
}

export function locationOf({ buffer, capacity }: StressPlan): RingLocation {
  return {
    words: new Int32Array(buffer),
    bytes: new Uint8Array(buffer),
    start: START,
    capacity,
    tail: TAIL,
    head: HEAD,
    consumerSleep: SLEEP,
    producerWaits: WAITS,
  };
}

/** The length of a frame: small ones mostly, every one up to the longest now and then, the same in both threads. */
export function lengthOf(index: number, longest: number): number {
  const mixed = Math.imul(index ^ (index >>> 15), 0x2c1b3c6d) >>> 0;
  return mixed % 8 === 0 ? mixed % (longest + 1) : mixed % 17;
}

/** What a frame carries: a byte that differs from frame to frame, all through. */
export function payloadOf(index: number, length: number): Uint8Array {
  return new Uint8Array(length).fill((index * 31) & 0xff);
}
