import { latencies } from '../measurement.js';
import type { Workload } from './workload.js';

const WARM_UP = 1500;
const ROUND_TRIPS = 5000;
const IN_FLIGHT = 64;
const PIPELINED = 20_000;

/** One message after the other, at full speed. */
export const roundTrip: Workload = {
  name: 'round-trip',
  isQuick: true,
  async run(session) {
    await session.roundTrips(WARM_UP);
    return latencies('round trip 64 B', await session.roundTrips(ROUND_TRIPS));
  },
};

/** Sixty-four messages under way at once. */
export const pipelined: Workload = {
  name: 'pipelined',
  isQuick: true,
  async run(session) {
    await session.pipelined(IN_FLIGHT * 10, IN_FLIGHT);
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
    for (const length of [64, 1024, 65_536, 1_048_576]) {
      // What is longer than a frame is copied in fragments, and a message may need the whole window.
      await session.untouchedRoundTrips(500, length);
      measurements.push(
        ...latencies(`untouched round trip ${length} B`, await session.untouchedRoundTrips(3000, length)),
      );
    }
    return measurements;
  },
};
