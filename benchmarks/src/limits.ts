import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { compile } from './compile.js';
import type { Measurement } from './measurement.js';

/** The subject under whose name the limits stand in the results. */
export const LIMITS = 'native limit';

const TIMEOUT_MS = 60_000;

/** What `limits.cc` is asked, and the figures that its answers are limits of. The round trip last: a subject's comes next. */
const QUESTIONS: readonly {
  readonly mode: string;
  readonly read: (answer: Answer) => Measurement[];
}[] = [
  {
    mode: 'sleep',
    read: ({ p50 = Number.NaN, p99 = Number.NaN }) => [
      { figure: 'round trip 64 B, both asleep', statistic: 'p50', unit: 'µs', value: p50 },
      { figure: 'round trip 64 B, both asleep', statistic: 'p99', unit: 'µs', value: p99 },
    ],
  },
  {
    mode: 'rate',
    read: ({ messagesPerSecond = Number.NaN }) => [
      { figure: 'one way 64 B', statistic: 'rate', unit: '/s', value: messagesPerSecond },
    ],
  },
  {
    mode: 'memcpy',
    read: ({ bytesPerSecond = {} }) =>
      Object.entries(bytesPerSecond).map(([length, value]) => ({
        figure: `one way ${length} B`,
        statistic: 'bandwidth',
        unit: 'B/s',
        value,
      })),
  },
  {
    mode: 'spin',
    read: ({ p50 = Number.NaN, p99 = Number.NaN }) => [
      { figure: 'round trip 64 B', statistic: 'p50', unit: 'µs', value: p50 },
      { figure: 'round trip 64 B', statistic: 'p99', unit: 'µs', value: p99 },
    ],
  },
];

interface Answer {
  readonly p50?: number;
  readonly p99?: number;
  readonly messagesPerSecond?: number;
  readonly bytesPerSecond?: Readonly<Record<string, number>>;
}

/** The compiled program; or why there is none, in one sentence. */
export function buildLimits(): ReturnType<typeof compile> {
  return compile('limits.cc', 'limits');
}

/** A round trip of 64 bytes between the two processors, in microseconds: how far apart they lie. */
export async function measureDistance(program: string): Promise<number> {
  return (await ask(program, 'distance')).p50 ?? Number.NaN;
}

/** One round of every limit. */
export async function measureLimits(program: string): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (const { mode, read } of QUESTIONS) {
    measurements.push(...read(await ask(program, mode)));
  }
  return measurements;
}

async function ask(program: string, mode: string): Promise<Answer> {
  const { stdout } = await promisify(execFile)(program, [mode], { timeout: TIMEOUT_MS });
  return JSON.parse(stdout) as Answer;
}
