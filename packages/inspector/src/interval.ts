import { err, ok, type Result } from '@entropynet/core';

/** The interval of the agents' reports and of the page's updates, in milliseconds. */
export const DEFAULT_INTERVAL_MS = 1000;

const LEAST_MS = 10;
const MOST_MS = 2 ** 31 - 1;

/** Checks an interval. `InvalidParameter`: it is too long for a timer, or so short that it would load the process. */
export function checkInterval(intervalMs: number): Result<number> {
  if (intervalMs >= LEAST_MS && intervalMs <= MOST_MS) return ok(intervalMs);
  return err('InvalidParameter', `'intervalMs' was given ${intervalMs}; ${LEAST_MS} to ${MOST_MS} is allowed`);
}
