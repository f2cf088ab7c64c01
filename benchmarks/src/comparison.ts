import { LESS_IS_BETTER, type Result } from './measurement.js';
import { nameOfOtherBuild } from './other-build.js';

/** A figure of this build beside that of the other one, from the rounds in which both were measured. */
export interface Comparison {
  readonly subject: string;
  readonly figure: string;
  readonly statistic: string;
  /** How many rounds measured both. */
  readonly rounds: number;
  /** How many times better this build is: the geometric mean of the ratios of the single rounds. */
  readonly ratio: number;
  /** The bounds of the 95 % confidence interval of that mean (Student's t on the logarithms). */
  readonly low: number;
  readonly high: number;
}

/** From so many rounds on, an interval says enough to call a figure worse. */
export const ROUNDS_TO_JUDGE = 9;
/** A figure is worse where its whole interval lies below this. */
export const WORSE_BELOW = 0.95;

/** Of these, single outliers decide, or they count what does not depend on speed. */
const NOT_COMPARED = /^(?:p90|p99\.9|max)$/;

/** The quantile 0.975 of Student's t, by degrees of freedom from 1 on; the last holds for more. */
const STUDENT_T = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13, 2.12];

/** Every figure that both builds have, in the order of the results. */
export function compare(results: readonly Result[]): Comparison[] {
  return results.flatMap((own) => {
    if (own.unit === 'count' || NOT_COMPARED.test(own.statistic)) return [];
    const { figure, statistic } = own;
    const other = results.find(
      (each) =>
        each.subject === nameOfOtherBuild(own.subject) && each.figure === figure && each.statistic === statistic,
    );
    if (other === undefined) return [];
    const logarithms = own.rounds.flatMap((value, round) => {
      const against = other.rounds[round] ?? Number.NaN;
      const ratio = LESS_IS_BETTER.has(own.unit) ? against / value : value / against;
      return ratio > 0 && Number.isFinite(ratio) ? [Math.log(ratio)] : [];
    });
    if (logarithms.length < 2) return [];
    const { mean, margin } = intervalOf(logarithms);
    const bounds = { ratio: Math.exp(mean), low: Math.exp(mean - margin), high: Math.exp(mean + margin) };
    return [{ subject: own.subject, figure, statistic, rounds: logarithms.length, ...bounds }];
  });
}

/** Whether this build is slower, beyond doubt. */
export function isWorse({ rounds, high }: Comparison): boolean {
  return rounds >= ROUNDS_TO_JUDGE && high < WORSE_BELOW;
}

function intervalOf(values: readonly number[]): { mean: number; margin: number } {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const t = STUDENT_T[Math.min(count - 1, STUDENT_T.length) - 1] ?? Number.NaN;
  return { mean, margin: t * Math.sqrt(variance / count) };
}
