/*
 * Loaded before the program: everything that schedules or tells time is broken in the globals, for good.
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
