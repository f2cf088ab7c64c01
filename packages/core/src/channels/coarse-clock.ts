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
  time = Date.now();
  schedule();
}

function schedule(): void {
  const timer: unknown = setTimeout(tick, RESOLUTION_MS);
  // In Node.js the timer must not keep the process alive; a browser's timers are numbers and never do.
  if (typeof timer === 'object') (timer as NodeJS.Timeout).unref();
}

/**
 * Milliseconds since the epoch, at most about 10 ms old. Reading the real clock costs as much as sending a small
 * message; this costs two stores. The timer behind it runs only while somebody reads.
 */
export function coarseNow(): number {
  wasRead = true;
  if (!isRunning) {
    isRunning = true;
    time = Date.now();
    schedule();
  }
  return time;
}
