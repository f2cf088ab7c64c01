import { epochNow, setTimerReferenced, startTimer } from '../platform/clock.js';

/** How old the coarse time may be, in milliseconds. */
const RESOLUTION_MS = 10;

/** Numbers of ticks begin anew here: a small integer is compared without looking anything up. */
const LAST_TICK = 0x3fff_ffff;

/**
 * The number of the present tick. A connection that was active in it has nothing to note: comparing two small integers is
 * all that a message costs. Read it as a property: it changes.
 */
export const coarseClock = { tick: 1 };

let time = 0;
let isRunning = false;
let wasRead = false;

/** No tick has this number. */
export const NO_TICK = 0;

/**
 * Milliseconds since the epoch, at most about 10 ms old, for somebody who is active the first time in this tick. The timer
 * behind it runs only while somebody is active.
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
