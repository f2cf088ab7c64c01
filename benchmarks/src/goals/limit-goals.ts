import { LIMITS } from '../limits.js';
import { type Goal, goal } from './goal.js';
import { chosen, type Measured } from './measured.js';
import { ASLEEP, OWNED, ROUND_TRIP, ROUND_TRIP_ASLEEP } from './names.js';

/** The region of 16 MiB, in which a message of 1 MiB travels in one piece. */
const LARGE = 'EntropyNet shm claim+borrow 16 MiB';
const MEBIBYTE = 'one way 1048576 B';
const LARGEST = 'one way 16777216 B';

/** Returns the goals against the limits of the machine: programs in C++ and `memcpy`. */
export function limitGoals(measured: Measured): Goal[] {
  const limit = (statistic: string) => measured.of(LIMITS, ROUND_TRIP, statistic);
  const memcpy = measured.of(LIMITS, MEBIBYTE, 'bandwidth');
  const memcpyLarge = measured.of(LIMITS, LARGEST, 'bandwidth');
  const owned = (figure: string, statistic: string) => measured.of(OWNED, figure, statistic);
  const kept = (figure: string) => measured.withMemoryKept(OWNED, figure, 'bandwidth');
  const untouched = [64, 1024, 65_536, 1_048_576].map((length) =>
    measured.of(LARGE, `untouched round trip ${length} B`, 'p50'),
  );
  return [
    goal('round trip p50 / C++ ring, both spinning', 'at most', 3, owned(ROUND_TRIP, 'p50'), limit('p50')),
    goal('round trip p99 / C++ ring, both spinning', 'at most', 20, owned(ROUND_TRIP, 'p99'), limit('p99')),
    goal(
      'round trip p50, asleep / C++ futex ping-pong',
      'at most',
      1.25,
      measured.of(ASLEEP, ROUND_TRIP, 'p50'),
      measured.of(LIMITS, ROUND_TRIP_ASLEEP, 'p50'),
    ),
    goal(
      'untouched round trip, region of 16 MiB, longest / shortest',
      'at most',
      1.5,
      chosen(untouched, Math.max),
      chosen(untouched, Math.min),
    ),
    goal(
      '1 MiB, claim+borrow, region of 16 MiB / memcpy',
      'at least',
      0.5,
      measured.of(LARGE, MEBIBYTE, 'bandwidth'),
      memcpy,
    ),
    goal('1 MiB, owned / memcpy', 'at least', 0.25, owned(MEBIBYTE, 'bandwidth'), memcpy),
    goal('1 MiB, owned, memory kept / memcpy', 'at least', 0.25, kept(MEBIBYTE), memcpy),
    goal('16 MiB, owned / memcpy', 'at least', 0.25, owned(LARGEST, 'bandwidth'), memcpyLarge),
    goal('16 MiB, owned, memory kept / memcpy', 'at least', 0.25, kept(LARGEST), memcpyLarge),
  ];
}
