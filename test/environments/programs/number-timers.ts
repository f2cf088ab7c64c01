/*
 * Loaded before the program: timers are numbers, as in a page and as in preload scripts of Electron.
 */
const { setTimeout: startTimer, setInterval: startInterval } = globalThis;
const asNumber = (start: typeof startTimer | typeof startInterval) =>
  function numberTimer(...given: Parameters<typeof startTimer>): number {
    return Number(start(...given));
  };
Object.assign(globalThis, { setTimeout: asNumber(startTimer), setInterval: asNumber(startInterval) });
