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

/** A scheduled turn of the event loop; a timer in a page. */
export type Turn = NodeJS.Immediate | Timer;

const platformSetTimeout = timers.setTimeout;
const platformClearTimeout = timers.clearTimeout;
const { setImmediate: platformSetImmediate, clearImmediate: platformClearImmediate }: Partial<typeof timers> = timers;
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

/** Whether the timer or turn keeps the process alive. Without effect where it is a number: a page has no process. */
export function setTimerReferenced(timer: Timer | Turn, isReferenced: boolean): void {
  if (typeof timer !== 'object') return;
  if (isReferenced) timer.ref();
  else timer.unref();
}

/** Calls `callback` in a later turn of the event loop. A page has no `setImmediate`: there the shortest timer does it. */
export function startTurn(callback: () => void): Turn {
  return platformSetImmediate === undefined ? platformSetTimeout(callback, 0) : platformSetImmediate(callback);
}

/** Undoes `startTurn`; without effect on a turn that came or is undefined. */
export function stopTurn(turn: Turn | undefined): void {
  if (platformClearImmediate === undefined) platformClearTimeout(turn as Timer | undefined);
  else platformClearImmediate(turn as NodeJS.Immediate | undefined);
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
