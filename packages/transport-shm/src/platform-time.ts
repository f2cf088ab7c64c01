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
 * Timers and the clock of Node.js itself. A test framework replaces the globals, and sometimes the exports of `node:timers`
 * too, and a preload script may replace them for good. All are captured once, at import, so that none of it reaches a
 * connection: connections are shared with another process, whose time is real.
 */

/** Milliseconds that only go forward, as of `performance.now()`. */
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
