/*
 * Loaded before the program: every global that schedules or tells the time is broken from now on.
 */
const never = (): number => 0;
Object.assign(globalThis, {
  setTimeout: never,
  setInterval: never,
  setImmediate: never,
  queueMicrotask: never,
  clearTimeout: never,
  clearInterval: never,
  clearImmediate: never,
});
