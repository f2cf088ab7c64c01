import { LIMITS } from '../limits.js';
import { NATIVE_PAIR } from '../native-peers.js';
import { nodeToNative } from '../subjects/native-peers.js';
import { type Goal, goal, type Rounds } from './goal.js';
import { chosen, type Measured } from './measured.js';
import { BARE_RING, ONE_WAY, OWNED, ROUND_TRIP, ROUND_TRIP_ASLEEP } from './names.js';

/** Returns the goals of peers in other languages. */
export function nativeGoals(measured: Measured): Goal[] {
  const times = (factor: number, rounds: Rounds): Rounds => rounds?.map((each) => factor * each);
  const bareRoundTrip = measured.of(BARE_RING, ROUND_TRIP, 'p50');
  const nodeRoundTrip = measured.of(OWNED, ROUND_TRIP, 'p50');
  // If one limit is missing, the other is not the smaller of both.
  const limits = [times(2, bareRoundTrip), times(1.1, nodeRoundTrip)];
  const smallerLimit = limits.includes(undefined) ? undefined : chosen(limits, Math.min);
  return [
    goal(
      'C++ to C++ round trip p50 / C++ ring, both spinning',
      'at most',
      1.5,
      measured.of(NATIVE_PAIR, ROUND_TRIP, 'p50'),
      measured.of(LIMITS, ROUND_TRIP, 'p50'),
    ),
    goal(
      `C++ to C++ one way 64 B / ${BARE_RING}`,
      'at least',
      0.5,
      measured.of(NATIVE_PAIR, ONE_WAY, 'rate'),
      measured.of(BARE_RING, ONE_WAY, 'rate'),
    ),
    goal(
      'C++ to C++ round trip p50, asleep / C++ futex ping-pong',
      'at most',
      1.15,
      measured.of(NATIVE_PAIR, ROUND_TRIP_ASLEEP, 'p50'),
      measured.of(LIMITS, ROUND_TRIP_ASLEEP, 'p50'),
    ),
    goal(
      `Node.js to C++ round trip p50 / smaller of 2 ${BARE_RING}, 1.1 Node.js`,
      'at most',
      1,
      measured.of(nodeToNative.name, ROUND_TRIP, 'p50'),
      smallerLimit,
    ),
    goal(
      'Node.js to C++ one way 64 B / Node.js to Node.js',
      'at least',
      1.2,
      measured.of(nodeToNative.name, ONE_WAY, 'rate'),
      measured.of(OWNED, ONE_WAY, 'rate'),
    ),
  ];
}
