import { type Goal, goal } from './goal.js';
import type { Measured } from './measured.js';
import { ASLEEP, BARE_RING, ONE_WAY, OWNED, ROUND_TRIP, ZERO_COPY } from './names.js';

/** The bare ring that copies each message. */
const BARE_COPY = 'bare ring copy';

/** Subjects, each with the bare ring of the same delivery. */
const VARIANTS = [
  ['owned', OWNED, BARE_COPY],
  ['borrowed', 'EntropyNet shm borrow', 'bare ring view'],
  ['in place', 'EntropyNet shm in place', BARE_RING],
  ['in place, batches of 32', 'EntropyNet shm in place batch', 'bare ring in place batch'],
] as const;

/** The smallest ratio of the rates, for each length of a message in bytes. */
const RATES = [
  [64, 0.85],
  [16, 0.765],
  [1024, 0.765],
] as const;

/** The largest ratios of the round trips. */
const ROUND_TRIPS = [
  ['p50, owned', 1.3, OWNED, BARE_COPY],
  ['p99, owned', 1.5, OWNED, BARE_COPY],
  ['p50, asleep', 1.15, ASLEEP, 'bare ring asleep'],
] as const;

/** Returns the goals against the bare ring. They limit the cost of the contract. */
export function bareRingGoals(measured: Measured): Goal[] {
  return [
    ...VARIANTS.flatMap(([name, subject, bare]) =>
      RATES.map(([bytes, bound]) => {
        const figure = `one way ${bytes} B`;
        const [rate, bareRate] = [measured.of(subject, figure, 'rate'), measured.of(bare, figure, 'rate')];
        return goal(`${figure}, ${name} / ${bare}`, 'at least', bound, rate, bareRate);
      }),
    ),
    ...ROUND_TRIPS.map(([what, bound, subject, bare]) => {
      const statistic = what.slice(0, 3);
      return goal(
        `round trip ${what} / ${bare}`,
        'at most',
        bound,
        measured.of(subject, ROUND_TRIP, statistic),
        measured.of(bare, ROUND_TRIP, statistic),
      );
    }),
    goal(
      'one way 64 B, claim+borrow / owned',
      'at least',
      1,
      measured.of(ZERO_COPY, ONE_WAY, 'rate'),
      measured.of(OWNED, ONE_WAY, 'rate'),
    ),
  ];
}
