/** One figure of one subject. Names appear in the JSON and in the tables. */
export interface Measurement {
  /** What was measured, e.g. `round trip 64 B`. */
  readonly figure: string;
  /** `p50`, `p99`, `rate` … */
  readonly statistic: string;
  readonly unit: 'µs' | 'ms' | '/s' | 'B/s' | 'B' | '%' | 'count';
  readonly value: number;
}

/** A figure with whose it is. */
export interface Result extends Measurement {
  readonly subject: string;
  /** What each round measured, in their order; NaN where a round has none. `value` is their median. */
  readonly rounds: readonly number[];
}

/** The percentiles that latencies are reported with. */
const PERCENTILES: readonly (readonly [string, number])[] = [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p99', 0.99],
  ['p99.9', 0.999],
];

/** The percentiles of latencies in microseconds. */
export function latencies(figure: string, samples: Float64Array): Measurement[] {
  const sorted = samples.slice().sort();
  return PERCENTILES.map(([statistic, fraction]) => ({
    figure,
    statistic,
    unit: 'µs',
    value: sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN,
  }));
}

/** The median, of the numbers among the values; NaN where there is none. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Collects the rounds of every figure. */
export class Results {
  readonly #figures = new Map<string, { readonly of: Omit<Result, 'value' | 'rounds'>; readonly rounds: number[] }>();

  add(round: number, subject: string, measurements: readonly Measurement[]): void {
    for (const { figure, statistic, unit, value } of measurements) {
      const key = JSON.stringify([subject, figure, statistic]);
      const known = this.#figures.get(key) ?? { of: { subject, figure, statistic, unit }, rounds: [] };
      while (known.rounds.length < round) known.rounds.push(Number.NaN);
      known.rounds[round] = value;
      this.#figures.set(key, known);
    }
  }

  /** Every figure with the median of its rounds. */
  medians(): Result[] {
    return [...this.#figures.values()].map(({ of, rounds }) => ({ ...of, value: medianOf(rounds), rounds }));
  }
}
