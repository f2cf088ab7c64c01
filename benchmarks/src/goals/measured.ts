import type { Result } from '../measurement.js';
import { nameWithMemoryKept } from '../subjects/memory-kept.js';
import type { Rounds } from './goal.js';

/** The results of a run, as the goals ask for them. */
export class Measured {
  readonly #results: readonly Result[];

  /** @param results the results of one run */
  constructor(results: readonly Result[]) {
    this.#results = results;
  }

  /** Returns a statistic of a subject's figure. */
  of(subject: string, figure: string, statistic: string): Rounds {
    return this.#results.find(
      (each) => each.subject === subject && each.figure === figure && each.statistic === statistic,
    )?.rounds;
  }

  /** Returns the same of the subject that keeps its memory. */
  withMemoryKept(subject: string, figure: string, statistic: string): Rounds {
    return this.of(nameWithMemoryKept(subject), figure, statistic);
  }

  /** Returns the highest rate of each round. */
  fastest(figure: string, subjects: readonly string[]): Rounds {
    return chosen(
      subjects.map((subject) => this.of(subject, figure, 'rate')),
      Math.max,
    );
  }
}

/** Returns one figure of each round, chosen among those that were measured. */
export function chosen(all: readonly Rounds[], choose: (...values: number[]) => number): Rounds {
  const known = all.filter((rounds) => rounds !== undefined);
  return known[0]?.map((_value, round) => {
    const values = known.flatMap((rounds) => rounds[round] ?? []).filter((each) => !Number.isNaN(each));
    return values.length === 0 ? Number.NaN : choose(...values);
  });
}
