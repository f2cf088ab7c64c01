/**
 * The timers and the clock of the platform, captured once. A test framework that replaces the globals, or the exports
 * of `node:timers`, changes nothing here. The timers of a page's preload script may be numbers; these are always
 * objects.
 */
import { performance } from 'node:perf_hooks';
import timers from 'node:timers';

export const { setTimeout, clearTimeout, setImmediate } = timers;

/** Milliseconds that never go back. */
export const now: () => number = performance.now.bind(performance);
