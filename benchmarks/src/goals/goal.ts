import { medianOf } from '../measurement.js';

/**
 * A ratio that EntropyNet is to reach on two processors, within one run: the median of the ratios of
 * the single rounds. A virtual machine's processors move closer and apart, which meets both figures of a round alike.
 */
export interface Goal {
  readonly what: string;
  /** How the ratio compares with `bound`. */
  readonly sense: 'at most' | 'at least';
  readonly bound: number;
  /** The ratio that was reached; undefined if no round measured both figures. */
  readonly reached: number | undefined;
}

/** A figure of each round; undefined if it was not measured. */
export type Rounds = readonly number[] | undefined;

/** Returns a goal with the ratio that the rounds reached. A plain number divides each round by the same. */
export function goal(
  what: string,
  sense: Goal['sense'],
  bound: number,
  numerator: Rounds,
  denominator: Rounds | number,
): Goal {
  if (numerator === undefined || denominator === undefined) return { what, sense, bound, reached: undefined };
  const ratios = numerator.map(
    (each, round) => each / (typeof denominator === 'number' ? denominator : (denominator[round] ?? Number.NaN)),
  );
  // The processors may have lain apart for one of the two in each round.
  const reached = medianOf(ratios);
  return { what, sense, bound, reached: Number.isNaN(reached) ? undefined : reached };
}

/** Whether a goal is met; undefined if it was not measured. */
export function isMet({ sense, bound, reached }: Goal): boolean | undefined {
  if (reached === undefined) return undefined;
  return sense === 'at most' ? reached <= bound : reached >= bound;
}
