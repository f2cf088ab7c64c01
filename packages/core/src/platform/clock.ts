/*
 * Timers, clocks and microtasks of the platform itself, taken when the module is loaded. A test framework that puts a fake
 * clock in their place stops its own code and not a connection: timeouts, credit and goodbyes go on.
 *
 * Node.js's own module where there is one, because a fake may stand in the globals before this module is loaded; a page
 * has no such module.
 */
const runtime = typeof process === 'undefined' ? undefined : process;
const timers: Pick<typeof globalThis, 'setTimeout' | 'clearTimeout' | 'setImmediate' | 'clearImmediate'> =
  runtime?.getBuiltinModule?.('node:timers') ?? globalThis;
const performance = runtime?.getBuiltinModule?.('node:perf_hooks').performance ?? globalThis.performance;
const resolved = Promise.resolve();

/** A timer that is not the global one; a number in a page, and in some sandboxes of Node.js. */
export type Timer = ReturnType<typeof globalThis.setTimeout> | number;

const platformSetTimeout = timers.setTimeout;
const platformClearTimeout = timers.clearTimeout;
const platformSetImmediate = timers.setImmediate;
const platformClearImmediate = timers.clearImmediate;
const platformNow = performance.now.bind(performance);
const platformDateNow = Date.now;

/** Calls `callback` once, after `delayMs`. */
export function startTimer(callback: () => void, delayMs: number): Timer {
  return platformSetTimeout(callback, delayMs);
}

/** Ends a timer; without effect on one that ran or is undefined. */
export function stopTimer(timer: Timer | undefined): void {
  platformClearTimeout(timer);
}

/** Whether the timer keeps the process alive; without effect where timers are numbers, which never do or can't tell. */
export function setTimerReferenced(timer: Timer, isReferenced: boolean): void {
  if (typeof timer !== 'object') return;
  if (isReferenced) timer.ref();
  else timer.unref();
}

/** Calls `callback` in a turn of the event loop of its own. Not in a page, which has no such turns. */
export function startTurn(callback: () => void): NodeJS.Immediate {
  return platformSetImmediate(callback);
}

/** Undoes `startTurn`; without effect on a turn that came or is undefined. */
export function stopTurn(turn: NodeJS.Immediate | undefined): void {
  platformClearImmediate(turn);
}

/** Milliseconds since some moment, never going back. */
export function monotonicNow(): number {
  return platformNow();
}

/** Milliseconds since the epoch. */
export function epochNow(): number {
  return platformDateNow();
}

/** Runs `task` as a microtask. A promise's, which no test framework replaces. `task` must not throw. */
export function runAsMicrotask(task: () => void): void {
  void resolved.then(task);
}
