/*
 * The timers, clocks and microtasks of the platform, captured when the module is loaded. A test framework that replaces
 * them by fake clocks stops its own code and no connection: timeouts, window updates and goodbyes continue.
 *
 * They come from the module of Node.js if there is one, because the globals may be fakes before this module is loaded.
 * A page has no such module.
 */
const runtime = typeof process === 'undefined' ? undefined : process;
const timers: Pick<typeof globalThis, 'setTimeout' | 'clearTimeout' | 'setImmediate' | 'clearImmediate'> =
  runtime?.getBuiltinModule?.('node:timers') ?? globalThis;
const performance = runtime?.getBuiltinModule?.('node:perf_hooks').performance ?? globalThis.performance;
const resolved = Promise.resolve();

/** A timer of this module. It is a number in a page, and in some sandboxes of Node.js. */
export type Timer = ReturnType<typeof globalThis.setTimeout> | number;

/** A scheduled turn of the event loop; a timer in a page. */
export type Turn = NodeJS.Immediate | Timer;

const platformSetTimeout = timers.setTimeout;
const platformClearTimeout = timers.clearTimeout;
// Not in a page. Bundlers leave out what they know to have no effect: `scripts/slim-modules.mjs` marks such calls.
const platformSetImmediate = Reflect.get(timers, 'setImmediate') as typeof setImmediate | undefined;
const platformClearImmediate = Reflect.get(timers, 'clearImmediate') as typeof clearImmediate | undefined;
const platformNow = performance.now.bind(performance);
const platformDateNow = Date.now;

/** Calls `callback` once, after `delayMs`. */
export function startTimer(callback: () => void, delayMs: number): Timer {
  return platformSetTimeout(callback, delayMs);
}

/** Stops a timer. Has no effect on one that has run, or on undefined. */
export function stopTimer(timer: Timer | undefined): void {
  platformClearTimeout(timer);
}

/**
 * Sets whether the timer or turn keeps the process alive. Has no effect if it is a number, because a page has no
 * process.
 */
export function setTimerReferenced(timer: Timer | Turn, isReferenced: boolean): void {
  if (typeof timer !== 'object') return;
  if (isReferenced) timer.ref();
  else timer.unref();
}

/** Calls `callback` in a later turn of the event loop. A page has no `setImmediate`, so it uses the shortest timer. */
export function startTurn(callback: () => void): Turn {
  return platformSetImmediate === undefined ? platformSetTimeout(callback, 0) : platformSetImmediate(callback);
}

/** Cancels `startTurn`. Has no effect on a turn that has come, or on undefined. */
export function stopTurn(turn: Turn | undefined): void {
  if (platformClearImmediate === undefined) platformClearTimeout(turn as Timer | undefined);
  else platformClearImmediate(turn as NodeJS.Immediate | undefined);
}

/**
 * Starts a time limit for something that the peer or the system may still deliver: calls `callback` once, after
 * `limitMs`. If this process was paused or busy meanwhile, timers run before the bytes that arrived are read. So the
 * callback comes after those bytes were read, and they count as in time. Returns a function that stops the limit.
 */
export function startLimit(callback: () => void, limitMs: number): () => void {
  let turn: Turn | undefined;
  const timer = startTimer(() => {
    turn = startTurn(callback);
  }, limitMs);
  return () => {
    stopTimer(timer);
    stopTurn(turn);
  };
}

/** Milliseconds since a fixed moment. They never go back. */
export function monotonicNow(): number {
  return platformNow();
}

/** Milliseconds since the epoch. */
export function epochNow(): number {
  return platformDateNow();
}

/** Runs `task` as a microtask. It uses a promise, which no test framework replaces. `task` must not throw. */
export function runAsMicrotask(task: () => void): void {
  void resolved.then(task);
}
