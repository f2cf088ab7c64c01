import { setImmediate } from 'node:timers';
import { setTimeout as pause } from 'node:timers/promises';
import { monotonicNow, startTimer, stopTimer, type Timer } from '@entropynet/core/platform';

/** The factor of all time limits, compared with an ordinary machine: for emulators and very slow machines. */
export const TIME_FACTOR = timeFactor();

/** Much longer than any wait here. At this limit the condition will never hold. */
const DEADLINE_MS = 30_000 * TIME_FACTOR;

/** Most conditions hold within a few turns of the event loop. The others are checked at this interval. */
const POLL_MS = 2;

/** Waits until `condition` holds. If it never does, rejects with the text `what`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string | (() => string),
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const started = monotonicNow();
  while (!(await condition())) {
    const waited = monotonicNow() - started;
    if (waited > deadlineMs) {
      throw new Error(`waited ${deadlineMs} ms in vain until ${typeof what === 'string' ? what : what()}`);
    }
    if (waited < POLL_MS) await turns(1);
    else await pause(POLL_MS);
  }
}

/** Returns the result of `promise`. If there is none in time, rejects with the text `what`. */
export async function within<T>(promise: Promise<T>, what: string, deadlineMs = DEADLINE_MS): Promise<T> {
  let timer: Timer | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = startTimer(() => {
      reject(new Error(`waited ${deadlineMs} ms in vain until ${what}`));
    }, deadlineMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    stopTimer(timer);
  }
}

/** Waits for `count` turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A page has no environment variables. */
function timeFactor(): number {
  const given = globalThis.process?.env?.['ENTROPYNET_TIME_FACTOR'];
  const factor = Number(given ?? 1);
  // The limit keeps every timer within the limit of Node.js.
  if (factor >= 1 && factor <= 1000) return factor;
  throw new Error(`ENTROPYNET_TIME_FACTOR is '${given}'; a number from 1 to 1000 is allowed`);
}
