/** One figure of one subject. Names appear in the JSON and in the tables. */
export interface Measurement {
  /** What was measured, e.g. `round trip 64 B`. */
  readonly figure: string;
  /** `p50`, `p99`, `rate` … */
  readonly statistic: string;
  readonly unit: 'µs' | 'ms' | '/s' | 'B/s' | 'B' | '%' | 'count';
  readonly value: number;
}

/** A measurement with whose it is, the median of its rounds. */
export interface Result extends Measurement {
  readonly subject: string;
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

/** Collects the rounds of every figure. */
export class Results {
  readonly #rounds = new Map<string, { readonly of: Omit<Result, 'value'>; readonly values: number[] }>();

  add(subject: string, measurements: readonly Measurement[]): void {
    for (const { figure, statistic, unit, value } of measurements) {
      const key = JSON.stringify([subject, figure, statistic]);
      const known = this.#rounds.get(key) ?? { of: { subject, figure, statistic, unit }, values: [] };
      known.values.push(value);
      this.#rounds.set(key, known);
    }
  }

  /** The median of each figure's rounds. */
  medians(): Result[] {
    return [...this.#rounds.values()].map(({ of, values }) => {
      const sorted = [...values].sort((a, b) => a - b);
      return { ...of, value: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN };
    });
  }
}
