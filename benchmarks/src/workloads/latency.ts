import { performance } from 'node:perf_hooks';
import { latencies, medianOf } from '../measurement.js';
import { warmUp } from './warm-up.js';
import type { Workload } from './workload.js';

/**
 * A fast subject needs hundreds of thousands of messages before its code is compiled: warming up is a matter of time. With a
 * shorter time the p99 shows the compiler.
 */
const WARM_UP_PERIOD_MS = 250;
const MEASURED_MS = 100;
/** Round trips between two looks at the clock. */
const STRETCH = 500;
/** For the code of subjects that are slower: V8 compiles the last of it after 6,000 messages. */
const FEWEST_WARM_UPS = 8000;
const FEWEST_ROUND_TRIPS = 1500;
const IN_FLIGHT = 64;
const PIPELINED = 20_000;
/** In bytes. */
const UNTOUCHED_SIZES = [64, 1024, 65_536, 1_048_576];

/** One message after the other, at full speed. */
export const roundTrip: Workload = {
  name: 'round-trip',
  isQuick: true,
  async run(session) {
    const measure = (): Promise<Float64Array> => session.roundTrips(STRETCH);
    await warmUpRoundTrips(measure);
    return latencies('round trip 64 B', await roundTripsFor(measure, MEASURED_MS, FEWEST_ROUND_TRIPS));
  },
};

/** Makes round trips until they take no less time, and enough of them for the code of both sides. */
async function warmUpRoundTrips(measure: () => Promise<Float64Array>): Promise<void> {
  let done = 0;
  const rateOf = async (): Promise<number> => {
    done += STRETCH;
    return 1 / medianOf([...(await measure())]);
  };
  await warmUp(rateOf, WARM_UP_PERIOD_MS);
  while (done < FEWEST_WARM_UPS) await rateOf();
}

/** Round trips, a stretch at a time, for so long, and so many at least; each in microseconds. */
async function roundTripsFor(
  measure: () => Promise<Float64Array>,
  milliseconds: number,
  fewest: number,
): Promise<Float64Array> {
  const stretches: Float64Array[] = [];
  const end = performance.now() + milliseconds;
  while (performance.now() < end || stretches.length * STRETCH < fewest) stretches.push(await measure());
  const all = new Float64Array(stretches.length * STRETCH);
  for (const [index, stretch] of stretches.entries()) all.set(stretch, index * STRETCH);
  return all;
}

/** Sixty-four messages under way at once. */
export const pipelined: Workload = {
  name: 'pipelined',
  isQuick: true,
  async run(session) {
    await warmUp(() => session.pipelined(IN_FLIGHT * 10, IN_FLIGHT), WARM_UP_PERIOD_MS);
    const value = await session.pipelined(PIPELINED, IN_FLIGHT);
    return [{ figure: 'pipelined round trips, 64 in flight', statistic: 'rate', unit: '/s', value }];
  },
};

/** At rates at which both sides have nothing to do in between; counted from when each message was due. */
export const paced: Workload = {
  name: 'paced',
  isQuick: false,
  async run(session) {
    const measurements = [];
    for (const [perSecond, count] of [
      [60, 90],
      [1000, 1500],
      [10_000, 15_000],
    ] as const) {
      const samples = await session.paced(perSecond, count);
      measurements.push(...latencies(`round trip at ${perSecond}/s`, samples));
    }
    return measurements;
  },
};

/** Messages that nobody reads or writes: what is left is the way of the message. */
export const untouched: Workload = {
  name: 'untouched',
  isQuick: false,
  applies: (_subject, session) => session.port.sendUntouched !== undefined,
  async run(session) {
    const measurements = [];
    const measureOf = (length: number) => (): Promise<Float64Array> => session.untouchedRoundTrips(STRETCH, length);
    // All before the first is measured: the code that they share changes with what it has seen.
    for (const length of UNTOUCHED_SIZES) await warmUpRoundTrips(measureOf(length));
    for (const length of UNTOUCHED_SIZES) {
      const samples = await roundTripsFor(measureOf(length), MEASURED_MS, FEWEST_ROUND_TRIPS);
      measurements.push(...latencies(`untouched round trip ${length} B`, samples));
    }
    return measurements;
  },
};
