import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { measureInProcess, type Placement } from './driver-process.js';
import { type Measurement, medianOf } from './measurement.js';
import { canPin } from './pinning.js';

/** Under what fresh pairs are measured. */
export interface Circumstances {
  /** As the tables name them. */
  readonly name: string;
  readonly placement: Placement;
  /** Whether a third process computes all the time. */
  readonly isBusy: boolean;
}

export const CIRCUMSTANCES: readonly Circumstances[] = [
  { name: 'unpinned', placement: 'free', isBusy: false },
  { name: 'unpinned, a third process computes', placement: 'free', isBusy: true },
  { name: 'on one processor', placement: 'one processor', isBusy: false },
];

/** The figure of fresh pairs. */
export function figureOfPairs({ name }: Circumstances): string {
  return `round trip 64 B, fresh pairs ${name}`;
}

/**
 * How far apart fresh pairs of processes lie. The scheduler decides for each pair anew where it runs, and a way of waiting
 * may settle in a slow mode that pinned processes never show. Each pair gives the median of its round trips; the figure
 * says what the best, the median and the worst of the pairs is.
 */
export async function measurePairs(
  subject: string,
  count: number,
  circumstances: Circumstances,
  onPair: (pair: number) => void,
): Promise<Measurement[]> {
  const { placement, isBusy } = circumstances;
  if (placement === 'one processor' && !canPin) return [];
  const third = isBusy ? startComputing() : undefined;
  try {
    const medians: number[] = [];
    for (let pair = 0; pair < count; pair += 1) {
      onPair(pair);
      const measured = await measureInProcess({ subject, pair: placement });
      medians.push(measured.find(({ statistic }) => statistic === 'p50')?.value ?? Number.NaN);
    }
    return spreadOf(figureOfPairs(circumstances), medians);
  } finally {
    if (third !== undefined) await end(third);
  }
}

/** The best, the median and the worst pair. */
export function spreadOf(figure: string, medians: readonly number[]): Measurement[] {
  const of = (statistic: string, value: number): Measurement => ({ figure, statistic, unit: 'µs', value });
  return [
    of('best pair', Math.min(...medians)),
    of('median pair', medianOf(medians)),
    of('worst pair', Math.max(...medians)),
  ];
}

function startComputing(): ChildProcess {
  return spawn(process.execPath, ['--eval', 'for (;;);'], { stdio: 'ignore' });
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
