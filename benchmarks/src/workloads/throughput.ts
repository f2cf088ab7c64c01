import { type Measurement, medianOf } from '../measurement.js';
import type { Session } from '../session.js';
import { warmUp } from './warm-up.js';
import type { Workload } from './workload.js';

/**
 * The first 100,000 messages after another workload cost a sender several times what the later ones cost. With long messages
 * it takes seconds: few of them run the code, and the C library learns from what is freed how much memory to keep.
 */
const WARM_UP_PERIOD_MS = 250;
const LONG_WARM_UP_PERIOD_MS = 750;
/** A stretch lasts about this long, whatever the subject's speed; the median of some leaves out a collection's whim. */
const STRETCH_MS = 40;
const LONG_STRETCH_MS = 150;
/** From how many bytes a message is long. */
const LONG_BYTES = 65_536;
const STRETCHES = 5;
const MOST_MESSAGES = 5_000_000;
/** Bytes of the trial from which the count is made. */
const TRIAL_BYTES = 1_280_000;

/**
 * The sizes of the one-way workloads, in bytes; the first is part of `--quick`. Short messages come before long ones:
 * after long ones V8 has other limits for its collections, and they differ from run to run.
 */
const SIZES = [64, 16, 1024, 65_536, 1_048_576, 16_777_216];
/** Chunks that are written to a stream of bytes, in bytes. */
const CHUNKS = [30, 65_536];

/** What a stretch of one-way traffic is measured by: sends so many messages, and resolves with how many a second arrived. */
type Measure = (count: number, length: number) => Promise<number>;

async function rateOf(figure: string, length: number, measure: Measure): Promise<Measurement[]> {
  const isLong = length >= LONG_BYTES;
  const few = Math.max(2, Math.min(20_000, Math.ceil(TRIAL_BYTES / length)));
  const trial = await warmUp(() => measure(few, length), isLong ? LONG_WARM_UP_PERIOD_MS : WARM_UP_PERIOD_MS);
  const count = Math.min(
    MOST_MESSAGES,
    Math.max(few, Math.ceil((trial * (isLong ? LONG_STRETCH_MS : STRETCH_MS)) / 1000)),
  );
  const rates = [];
  for (let stretch = 0; stretch < STRETCHES; stretch += 1) rates.push(await measure(count, length));
  const value = medianOf(rates);
  return [
    { figure, statistic: 'rate', unit: '/s', value },
    { figure, statistic: 'bandwidth', unit: 'B/s', value: value * length },
  ];
}

function oneWayOf(session: Session, length: number): Promise<Measurement[]> {
  return rateOf(`one way ${length} B`, length, (count) => session.oneWay(count, length));
}

/** 64-byte messages in one direction, as fast as they are taken. */
export const oneWay: Workload = {
  name: 'one-way',
  isQuick: true,
  run: (session) => oneWayOf(session, SIZES[0] ?? 64),
};

/** The other sizes. */
export const sizes: Workload = {
  name: 'sizes',
  isQuick: false,
  async run(session) {
    const measurements = [];
    const { longestMessage = Infinity } = session.port;
    for (const length of SIZES.slice(1)) {
      if (length <= longestMessage) measurements.push(...(await oneWayOf(session, length)));
    }
    return measurements;
  },
};

/** Bytes without boundaries, written in chunks of two lengths. */
export const streams: Workload = {
  name: 'streams',
  isQuick: false,
  applies: (_subject, session) => session.port.bytes !== undefined,
  async run(session) {
    const measurements = [];
    for (const length of CHUNKS) {
      const measure = (count: number): Promise<number> => session.streamed(count, length);
      measurements.push(...(await rateOf(`stream, chunks of ${length} B`, length, measure)));
    }
    return measurements;
  },
};
