/** One figure of one subject. Names appear in the JSON and in the tables. */
export interface Measurement {
  /** What was measured, e.g. `round trip 64 B`. */
  readonly figure: string;
  /** `p50`, `p99`, `rate` … */
  readonly statistic: string;
  readonly unit: 'ns' | 'µs' | 'ms' | '/s' | 'B/s' | 'B' | '%' | 'count';
  readonly value: number;
}

/** Units of which less is better. */
export const LESS_IS_BETTER: ReadonlySet<Measurement['unit']> = new Set(['ns', 'µs', 'ms', 'B', '%']);

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

/** What was measured in one go: a subject in one round, or a part of that. */
interface Stretch {
  readonly round: number;
  readonly subject: string;
  readonly measurements: readonly Measurement[];
  /** A round trip of the C++ ring right before it and right after it, the longer of the two, in microseconds. */
  readonly distance: number;
}

/** From how many times the shortest distance on the processors count as apart. */
const APART = 2;

/**
 * Collects the rounds of every figure. A virtual machine's two processors may come to lie where they share no cache: all
 * that goes through memory takes several times as long then, and after a while they are near again. What was measured
 * meanwhile is left out, unless a subject has nothing else.
 */
export class Results {
  readonly #stretches: Stretch[] = [];

  add(round: number, subject: string, measurements: readonly Measurement[], distance = Number.NaN): void {
    this.#stretches.push({ round, subject, measurements, distance });
  }

  /** How often the processors lay apart, and how far; undefined where they never did. */
  get noteOnDistance(): string | undefined {
    const apart = this.#stretches.filter((stretch) => this.#isApart(stretch)).map(({ distance }) => distance);
    if (apart.length === 0) return undefined;
    const [far, near] = [Math.max(...apart), this.#nearest].map((each) => `${each.toFixed(2)} µs`);
    const often = `In ${apart.length} of ${this.#stretches.length} measurements the two processors lay apart`;
    return `${often}: the C++ ring took ${far} for a round trip instead of ${near}. Left out where there are others.`;
  }

  /** Every figure with the median of its rounds. */
  medians(): Result[] {
    const near = figuresOf(this.#stretches.filter((stretch) => !this.#isApart(stretch)));
    return [...figuresOf(this.#stretches)].map(([key, any]) => {
      const figure = near.get(key) ?? any;
      return { ...figure, value: medianOf(figure.rounds) };
    });
  }

  get #nearest(): number {
    return Math.min(...this.#stretches.map(({ distance }) => distance).filter((each) => !Number.isNaN(each)));
  }

  #isApart({ distance }: Stretch): boolean {
    return distance > APART * this.#nearest;
  }
}

type Figure = Omit<Result, 'value' | 'rounds'> & { readonly rounds: number[] };

function figuresOf(stretches: readonly Stretch[]): Map<string, Figure> {
  const figures = new Map<string, Figure>();
  for (const { round, subject, measurements } of stretches) {
    for (const { value, ...of } of measurements) {
      const key = JSON.stringify([subject, of.figure, of.statistic]);
      const known = figures.get(key) ?? { ...of, subject, rounds: [] };
      while (known.rounds.length < round) known.rounds.push(Number.NaN);
      known.rounds[round] = value;
      figures.set(key, known);
    }
  }
  return figures;
}
