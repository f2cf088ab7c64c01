import { err, ok, type Result } from '@entropynet/core';

/** How often agents report and the page gets the news, in milliseconds. */
export const DEFAULT_INTERVAL_MS = 1000;

const LEAST_MS = 10;
const MOST_MS = 2 ** 31 - 1;

/** An interval that timers can keep and a process can bear; otherwise `InvalidParameter`. */
export function checkInterval(intervalMs: number): Result<number> {
  if (intervalMs >= LEAST_MS && intervalMs <= MOST_MS) return ok(intervalMs);
  return err('InvalidParameter', `'intervalMs' was given ${intervalMs}; ${LEAST_MS} to ${MOST_MS} is allowed`);
}
