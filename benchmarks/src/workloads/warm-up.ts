import { performance } from 'node:perf_hooks';
import { medianOf } from '../measurement.js';

/** A period whose rate is higher than all before by less than this factor brought no more. */
const GAIN = 1.05;
const MOST_PERIODS = 12;

/**
 * Measures again and again, until a period brought no higher rate than those before: code is compiled then, and memory in
 * use. The compiler shares the processor of the pinned process, so a slow processor needs several times as long as a fast one.
 * @param measure measures once, and resolves with a rate
 * @param periodMs the length of a period; there are 2 to 12
 * @returns the rate of the last period
 */
export async function warmUp(
  measure: () => Promise<number>,
  periodMs: number,
  now: () => number = () => performance.now(),
): Promise<number> {
  let best = 0;
  let rate = 0;
  for (let period = 0; period < MOST_PERIODS && rate >= best * GAIN; period += 1) {
    best = Math.max(best, rate);
    const rates = [];
    for (const end = now() + periodMs; rates.length === 0 || now() < end;) rates.push(await measure());
    rate = medianOf(rates);
  }
  return rate;
}
