import { epochNow, setTimerReferenced, startTimer } from '../platform/clock.js';

/** The largest error of the coarse time, in milliseconds. */
const RESOLUTION_MS = 10;

/** The tick numbers start again here. A small integer needs no memory access to compare. */
const LAST_TICK = 0x3fff_ffff;

/**
 * The number of the present tick. A connection that was active in this tick notes nothing more, so a message costs one
 * comparison of two small integers. Read it as a property, because it changes.
 */
export const coarseClock = { tick: 1 };

let time = 0;
let isRunning = false;
let wasRead = false;

/** No tick has this number. */
export const NO_TICK = 0;

/**
 * Returns milliseconds since the epoch, at most about 10 ms old. A caller asks once a tick, when it is first active.
 * The timer behind it runs only while there are callers.
 */
export function coarseNow(): number {
  wasRead = true;
  if (!isRunning) {
    isRunning = true;
    time = epochNow();
    schedule();
  }
  return time;
}

function onTick(): void {
  coarseClock.tick = coarseClock.tick === LAST_TICK ? NO_TICK + 1 : coarseClock.tick + 1;
  if (!wasRead) {
    isRunning = false;
    return;
  }
  wasRead = false;
  time = epochNow();
  schedule();
}

function schedule(): void {
  // The timer must not keep the process alive.
  setTimerReferenced(startTimer(onTick, RESOLUTION_MS), false);
}
