import { performance } from 'node:perf_hooks';
import {
  clearImmediate as platformClearImmediate,
  clearInterval as platformClearInterval,
  clearTimeout as platformClearTimeout,
  setImmediate as platformSetImmediate,
  setInterval as platformSetInterval,
  setTimeout as platformSetTimeout,
} from 'node:timers';

/*
 * The timers and the clock of Node.js. A test framework replaces the globals, and sometimes the exports of
 * `node:timers`; a preload script may replace them for good. This module captures all of them once, at import, so that
 * no replacement reaches a connection: the other process of a connection has real time.
 */

/** Milliseconds that never go back, like `performance.now()`. */
export const now: () => number = performance.now.bind(performance);

/** Milliseconds since the epoch. */
export const epochNow: () => number = Date.now;

export const setTimeout: typeof platformSetTimeout = platformSetTimeout;
export const clearTimeout: typeof platformClearTimeout = platformClearTimeout;
export const setInterval: typeof platformSetInterval = platformSetInterval;
export const clearInterval: typeof platformClearInterval = platformClearInterval;
export const setImmediate: typeof platformSetImmediate = platformSetImmediate;
export const clearImmediate: typeof platformClearImmediate = platformClearImmediate;

const RESOLVED = Promise.resolve();

/** Runs `task` as a microtask. */
export const afterMicrotask: (task: () => void) => unknown = RESOLVED.then.bind(RESOLVED);
