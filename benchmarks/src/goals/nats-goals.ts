import { type Goal, goal } from './goal.js';
import type { Measured } from './measured.js';
import { ONE_WAY, ONE_WAY_KIBIBYTES, ROUND_TRIP } from './names.js';

const NATS = 'EntropyNet nats';
const RAW_NATS = 'raw nats';

const RATIOS = [
  ['round trip p50', 'at most', 1.3, ROUND_TRIP, 'p50'],
  ['rate of 64 B', 'at least', 1, ONE_WAY, 'rate'],
  ['rate of 64 KiB', 'at least', 0.8, ONE_WAY_KIBIBYTES, 'rate'],
] as const;

/** Returns the goals of the NATS transport against `@nats-io` without it. */
export function natsGoals(measured: Measured): Goal[] {
  return RATIOS.map(([what, sense, bound, figure, statistic]) =>
    goal(
      `${NATS} / ${RAW_NATS}, ${what}`,
      sense,
      bound,
      measured.of(NATS, figure, statistic),
      measured.of(RAW_NATS, figure, statistic),
    ),
  );
}
