import { LIMITS } from './limits.js';
import { medianOf, type Result } from './measurement.js';
import { NATIVE_PAIR } from './native-peers.js';
import { CIRCUMSTANCES, figureOfPairs } from './pairs.js';
import { REFERENCE } from './subjects/index.js';
import { nodeToNative } from './subjects/native-peers.js';
import { nameWithMemoryKept } from './subjects/memory-kept.js';

/**
 * A ratio that EntropyNet is to reach on two processors, within one run: the median of the ratios of
 * the single rounds. A virtual machine's processors move closer and apart, which meets both figures of a round alike.
 */
export interface Goal {
  readonly what: string;
  /** How the ratio compares with `bound`. */
  readonly sense: 'at most' | 'at least';
  readonly bound: number;
  /** What was reached; undefined where one of the figures was not measured. */
  readonly reached: number | undefined;
}

/** Whether a goal is met; undefined where it was not measured. */
export function isMet({ sense, bound, reached }: Goal): boolean | undefined {
  if (reached === undefined) return undefined;
  return sense === 'at most' ? reached <= bound : reached >= bound;
}

const OWNED = 'EntropyNet shm adaptive';
const ZERO_COPY = 'EntropyNet shm claim+borrow';
/** Where a message of 1 MiB goes in one piece. */
const LARGE = 'EntropyNet shm claim+borrow 16 MiB';
const ASLEEP = 'EntropyNet shm sleep';
/** It publishes each message. */
const BARE_RING = 'bare ring in place';
const ROUND_TRIP = 'round trip 64 B';
const ONE_WAY = 'one way 64 B';
const PIPELINED = 'pipelined round trips, 64 in flight';
const MEBIBYTE = 'one way 1048576 B';
const KIBIBYTES = 'one way 65536 B';
const LARGEST = 'one way 16777216 B';
const CONNECTS = 'connections, with a message there and back';

const CONTROL_NAMES = new Map([
  [OWNED, 'owned'],
  [nameWithMemoryKept(OWNED), 'owned, memory kept'],
  [ZERO_COPY, 'claim+borrow'],
]);

const SMALL_CHUNKS = 'stream, chunks of 30 B';
const LARGE_CHUNKS = 'stream, chunks of 65536 B';
const STREAM = 'EntropyNet shm stream';
const WS_STREAM = 'EntropyNet ws stream';
const WS_STREAM_REFERENCE = 'ws createWebSocketStream';
const SOCKET = 'net (Unix socket)';
const NATS = 'EntropyNet nats';
const RAW_NATS = 'raw nats';

/** Subjects, each with the bare ring of the same delivery. */
const VARIANTS = [
  ['owned', OWNED, 'bare ring copy'],
  ['borrowed', 'EntropyNet shm borrow', 'bare ring view'],
  ['in place', 'EntropyNet shm in place', 'bare ring in place'],
  ['in place, batches of 32', 'EntropyNet shm in place batch', 'bare ring in place batch'],
] as const;

/** The goals against the bare ring: what the semantics may cost. */
const bareRingGoals = [
  ...VARIANTS.flatMap(([name, subject, bare]) =>
    (
      [
        [64, 0.85],
        [16, 0.765],
        [1024, 0.765],
      ] as const
    ).map(([bytes, bound]) => {
      const figure = `one way ${bytes} B`;
      return [`${figure}, ${name} / ${bare}`, 'at least', bound, subject, bare, figure, 'rate'] as const;
    }),
  ),
  ['round trip p50, owned / bare ring copy', 'at most', 1.3, OWNED, 'bare ring copy', ROUND_TRIP, 'p50'],
  ['round trip p99, owned / bare ring copy', 'at most', 1.5, OWNED, 'bare ring copy', ROUND_TRIP, 'p99'],
  ['round trip p50, asleep / bare ring asleep', 'at most', 1.15, ASLEEP, 'bare ring asleep', ROUND_TRIP, 'p50'],
] as const;

/** The goals, as far as the results say something of them. */
export function goalsOf(results: readonly Result[], peers: readonly string[]): Goal[] {
  const value = (subject: string, figure: string, statistic: string): readonly number[] | undefined =>
    results.find((each) => each.subject === subject && each.figure === figure && each.statistic === statistic)?.rounds;
  const best = (
    all: readonly (readonly number[] | undefined)[],
    choose: (...values: number[]) => number,
  ): readonly number[] | undefined => {
    const known = all.filter((rounds) => rounds !== undefined);
    const first = known[0];
    if (first === undefined) return undefined;
    return first.map((_value, round) => {
      const values = known.flatMap((rounds) => rounds[round] ?? []).filter((each) => !Number.isNaN(each));
      return values.length === 0 ? Number.NaN : choose(...values);
    });
  };
  const fastest = (figure: string, among: readonly string[]): readonly number[] | undefined =>
    best(
      among.map((subject) => value(subject, figure, 'rate')),
      Math.max,
    );
  const builtIn = peers.filter((subject) => subject.includes('IPC'));
  const goal = (
    what: string,
    sense: Goal['sense'],
    bound: number,
    numerator: readonly number[] | undefined,
    denominator: readonly number[] | number | undefined,
  ): Goal => {
    if (numerator === undefined || denominator === undefined) return { what, sense, bound, reached: undefined };
    const ratios = numerator.map(
      (each, round) => each / (typeof denominator === 'number' ? denominator : (denominator[round] ?? Number.NaN)),
    );
    return { what, sense, bound, reached: medianOf(ratios) };
  };
  const untouched = [64, 1024, 65_536, 1_048_576].map((length) =>
    value(LARGE, `untouched round trip ${length} B`, 'p50'),
  );
  const memcpy = value(LIMITS, MEBIBYTE, 'bandwidth');
  const memcpyLarge = value(LIMITS, LARGEST, 'bandwidth');
  const limit = (statistic: string): readonly number[] | undefined => value(LIMITS, ROUND_TRIP, statistic);
  const owned = value(OWNED, ONE_WAY, 'rate');
  const zeroCopy = value(ZERO_COPY, ONE_WAY, 'rate');
  const kept = (subject: string, figure: string, statistic: string): readonly number[] | undefined =>
    value(nameWithMemoryKept(subject), figure, statistic);
  const ws = (figure: string, statistic: string): readonly number[] | undefined => value(REFERENCE, figure, statistic);
  const own = (figure: string, statistic: string): readonly number[] | undefined =>
    value('EntropyNet ws', figure, statistic);
  return [
    goal('round trip p50 / C++ ring, both spinning', 'at most', 3, value(OWNED, ROUND_TRIP, 'p50'), limit('p50')),
    goal('round trip p99 / C++ ring, both spinning', 'at most', 20, value(OWNED, ROUND_TRIP, 'p99'), limit('p99')),
    goal(
      'round trip p50, asleep / C++ futex ping-pong',
      'at most',
      1.25,
      value(ASLEEP, ROUND_TRIP, 'p50'),
      value(LIMITS, 'round trip 64 B, both asleep', 'p50'),
    ),
    ...bareRingGoals.map(([what, sense, bound, subject, bare, figure, statistic]) =>
      goal(what, sense, bound, value(subject, figure, statistic), value(bare, figure, statistic)),
    ),
    goal('one way 64 B, claim+borrow / owned', 'at least', 1, zeroCopy, owned),
    goal(
      `connections a second, shared memory / ${REFERENCE}`,
      'at least',
      2,
      value(OWNED, CONNECTS, 'rate'),
      ws(CONNECTS, 'rate'),
    ),
    goal(
      `connections a second, EntropyNet ws / ${REFERENCE}`,
      'at least',
      0.85,
      own(CONNECTS, 'rate'),
      ws(CONNECTS, 'rate'),
    ),
    ...nativeGoals(value, best).map(({ what, sense, bound, numerator, denominator }) =>
      goal(what, sense, bound, numerator, denominator),
    ),
    goal(`one way 64 B, owned / ${REFERENCE}`, 'at least', 50, owned, ws(ONE_WAY, 'rate')),
    goal('one way 64 B, owned / fastest peer', 'at least', 12, owned, fastest(ONE_WAY, peers)),
    goal(`one way 64 B, claim+borrow / ${REFERENCE}`, 'at least', 100, zeroCopy, ws(ONE_WAY, 'rate')),
    goal('one way 64 B, claim+borrow / fastest peer', 'at least', 25, zeroCopy, fastest(ONE_WAY, peers)),
    goal(
      'pipelined round trips, owned / best built-in IPC',
      'at least',
      15,
      value(OWNED, PIPELINED, 'rate'),
      fastest(PIPELINED, builtIn),
    ),
    goal(
      'untouched round trip, region of 16 MiB, longest / shortest',
      'at most',
      1.5,
      best(untouched, Math.max),
      best(untouched, Math.min),
    ),
    goal(
      '1 MiB, claim+borrow, region of 16 MiB / memcpy',
      'at least',
      0.5,
      value(LARGE, MEBIBYTE, 'bandwidth'),
      memcpy,
    ),
    goal('1 MiB, owned / memcpy', 'at least', 0.25, value(OWNED, MEBIBYTE, 'bandwidth'), memcpy),
    goal('1 MiB, owned, memory kept / memcpy', 'at least', 0.25, kept(OWNED, MEBIBYTE, 'bandwidth'), memcpy),
    goal('16 MiB, owned / memcpy', 'at least', 0.25, value(OWNED, LARGEST, 'bandwidth'), memcpyLarge),
    goal('16 MiB, owned, memory kept / memcpy', 'at least', 0.25, kept(OWNED, LARGEST, 'bandwidth'), memcpyLarge),
    goal(`EntropyNet ws / ${REFERENCE}, rate of 64 B`, 'at least', 0.9, own(ONE_WAY, 'rate'), ws(ONE_WAY, 'rate')),
    goal(
      `EntropyNet ws / ${REFERENCE}, rate of 64 KiB`,
      'at least',
      0.9,
      own(KIBIBYTES, 'rate'),
      ws(KIBIBYTES, 'rate'),
    ),
    goal(
      `EntropyNet ws / ${REFERENCE}, rate of 64 KiB, memory kept`,
      'at least',
      0.9,
      kept('EntropyNet ws', KIBIBYTES, 'rate'),
      kept(REFERENCE, KIBIBYTES, 'rate'),
    ),
    goal(`EntropyNet ws / ${REFERENCE}, round trip p50`, 'at most', 1.1, own(ROUND_TRIP, 'p50'), ws(ROUND_TRIP, 'p50')),
    ...(
      [
        ['round trip p50', 'at most', 1.3, ROUND_TRIP, 'p50'],
        ['rate of 64 B', 'at least', 1, ONE_WAY, 'rate'],
        ['rate of 64 KiB', 'at least', 0.8, KIBIBYTES, 'rate'],
      ] as const
    ).map(([what, sense, bound, figure, statistic]) =>
      goal(
        `${NATS} / ${RAW_NATS}, ${what}`,
        sense,
        bound,
        value(NATS, figure, statistic),
        value(RAW_NATS, figure, statistic),
      ),
    ),
    ...(
      [
        [STREAM, SOCKET, SMALL_CHUNKS, 1],
        [STREAM, SOCKET, LARGE_CHUNKS, 2],
        [WS_STREAM, WS_STREAM_REFERENCE, SMALL_CHUNKS, 0.9],
        [WS_STREAM, WS_STREAM_REFERENCE, LARGE_CHUNKS, 0.9],
      ] as const
    ).map(([own, other, figure, bound]) =>
      goal(
        `${own} / ${other}, ${figure.slice('stream, '.length)}`,
        'at least',
        bound,
        value(own, figure, 'rate'),
        value(other, figure, 'rate'),
      ),
    ),
    ...[OWNED, nameWithMemoryKept(OWNED), ZERO_COPY].map((subject) =>
      goal(
        `control round trip p99 under upload, ${CONTROL_NAMES.get(subject) ?? subject}, ms`,
        'at most',
        1,
        value(subject, 'control round trip under upload', 'p99'),
        1000,
      ),
    ),
    ...CIRCUMSTANCES.flatMap((circumstances) => {
      const figure = figureOfPairs(circumstances);
      const worst = value(OWNED, figure, 'worst pair');
      return [
        goal(`${figure}, worst / median`, 'at most', 1.5, worst, value(OWNED, figure, 'median pair')),
        goal(`${figure}, worst / median that sleeps`, 'at most', 1.1, worst, value(ASLEEP, figure, 'median pair')),
      ];
    }),
    goal('timer delay p99 under flood, ms', 'at most', 1, value(OWNED, 'timer delay under flood', 'p99'), 1),
    goal(
      'idle processor time with 1000 connections, %',
      'at most',
      0.3,
      value(OWNED, '1000 connections', 'idle processor time'),
      1,
    ),
    goal(
      'resident memory a connection, of 1000, KiB',
      'at most',
      96,
      value(OWNED, '1000 connections', 'resident memory each'),
      1024,
    ),
    goal(
      'rate of one among 1000 connections / of a single one',
      'at least',
      0.95,
      value(OWNED, '1000 connections', 'rate of one'),
      value(OWNED, '1 connections', 'rate of one'),
    ),
    goal(
      'threads with 1000 connections, more than with none',
      'at most',
      1,
      value(OWNED, '1000 connections', 'more threads'),
      1,
    ),
  ];
}

type Rounds = readonly number[] | undefined;

interface RatioGoal extends Pick<Goal, 'what' | 'sense' | 'bound'> {
  readonly numerator: Rounds;
  readonly denominator: Rounds;
}

/** The goals of peers in other languages. */
function nativeGoals(
  value: (subject: string, figure: string, statistic: string) => Rounds,
  best: (all: readonly Rounds[], choose: (...values: number[]) => number) => Rounds,
): RatioGoal[] {
  const asleep = 'round trip 64 B, both asleep';
  const times = (factor: number, rounds: Rounds): Rounds => rounds?.map((each) => factor * each);
  const bareRoundTrip = value(BARE_RING, ROUND_TRIP, 'p50');
  const nodeRoundTrip = value(OWNED, ROUND_TRIP, 'p50');
  // Both limits have to be there: the smaller one of one is no goal.
  const limits = [times(2, bareRoundTrip), times(1.1, nodeRoundTrip)];
  const smallerLimit = limits.includes(undefined) ? undefined : best(limits, Math.min);
  return [
    {
      ...{ what: 'C++ to C++ round trip p50 / C++ ring, both spinning', sense: 'at most', bound: 1.5 },
      numerator: value(NATIVE_PAIR, ROUND_TRIP, 'p50'),
      denominator: value(LIMITS, ROUND_TRIP, 'p50'),
    },
    {
      ...{ what: `C++ to C++ one way 64 B / ${BARE_RING}`, sense: 'at least', bound: 0.5 },
      numerator: value(NATIVE_PAIR, ONE_WAY, 'rate'),
      denominator: value(BARE_RING, ONE_WAY, 'rate'),
    },
    {
      ...{ what: 'C++ to C++ round trip p50, asleep / C++ futex ping-pong', sense: 'at most', bound: 1.15 },
      numerator: value(NATIVE_PAIR, asleep, 'p50'),
      denominator: value(LIMITS, asleep, 'p50'),
    },
    {
      ...{ what: `Node.js to C++ round trip p50 / smaller of 2 ${BARE_RING}, 1.1 Node.js`, sense: 'at most', bound: 1 },
      numerator: value(nodeToNative.name, ROUND_TRIP, 'p50'),
      denominator: smallerLimit,
    },
    {
      ...{ what: 'Node.js to C++ one way 64 B / Node.js to Node.js', sense: 'at least', bound: 1.2 },
      numerator: value(nodeToNative.name, ONE_WAY, 'rate'),
      denominator: value(OWNED, ONE_WAY, 'rate'),
    },
  ];
}
