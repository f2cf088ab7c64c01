/**
 * Timers and clock of the platform, taken once: a test framework that puts its own in the place of the global ones, or of
 * those of `node:timers`, changes nothing here. A page's preload script may have timers that are mere numbers; these never
 * are.
 */
import { performance } from 'node:perf_hooks';
import timers from 'node:timers';

export const { setTimeout, clearTimeout, setImmediate } = timers;

/** Milliseconds that only ever grow. */
export const now: () => number = performance.now.bind(performance);
