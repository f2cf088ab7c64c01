import { setImmediate } from 'node:timers';
import { setTimeout as pause } from 'node:timers/promises';
import { monotonicNow, startTimer, stopTimer, type Timer } from '@entropynet/core/platform';

/** How many times as long everything may take as on an ordinary machine: for emulators and for very slow ones. */
export const TIME_FACTOR = timeFactor();

/** Far longer than anything here takes: reaching it means that the condition will never hold. */
const DEADLINE_MS = 30_000 * TIME_FACTOR;

/** Most conditions hold within a few turns of the event loop; those that take longer are looked at so often. */
const POLL_MS = 2;

/** Waits until `condition` holds; rejects, naming `what` was awaited, when it never does. */
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

/** The outcome of `promise`; rejects, naming `what` was awaited, when there is none. */
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

/** Lets the event loop go round `count` times. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A page has no environment. */
function timeFactor(): number {
  const given = globalThis.process?.env?.['ENTROPYNET_TIME_FACTOR'];
  const factor = Number(given ?? 1);
  // The bound makes no timer longer than Node.js can hold.
  if (factor >= 1 && factor <= 1000) return factor;
  throw new Error(`ENTROPYNET_TIME_FACTOR is '${given}'; a number from 1 to 1000 is allowed`);
}
