import { epochNow, setTimerReferenced, startTimer } from '../platform/clock.js';

/** How old the coarse time may be, in milliseconds. */
const RESOLUTION_MS = 10;

let time = 0;
let isRunning = false;
let wasRead = false;

function tick(): void {
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
  setTimerReferenced(startTimer(tick, RESOLUTION_MS), false);
}

/**
 * Milliseconds since the epoch, at most about 10 ms old. Reading the real clock costs as much as sending a small
 * message; this costs two stores. The timer behind it runs only while somebody reads.
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
