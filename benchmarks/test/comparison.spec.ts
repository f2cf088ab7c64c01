import { compare, isWorse } from '@entropynet/benchmarks/internal/comparison';
import type { Result } from '@entropynet/benchmarks/internal/measurement';
import { nameOfOtherBuild } from '@entropynet/benchmarks/internal/other-build';
import { expect } from 'chai';

const SUBJECT = 'EntropyNet shm adaptive';

function result(subject: string, unit: Result['unit'], rounds: readonly number[], statistic = 'rate'): Result {
  return { subject, figure: 'one way 64 B', statistic, unit, rounds, value: rounds[0] ?? Number.NaN };
}

function compared(unit: Result['unit'], own: readonly number[], other: readonly number[], statistic?: string): unknown {
  return compare([result(SUBJECT, unit, own, statistic), result(nameOfOtherBuild(SUBJECT), unit, other, statistic)]);
}

describe('the comparison of two builds', () => {
  const steady = [100, 101, 99, 100, 102, 98, 100, 101, 99];

  it('is the geometric mean of the rounds with its interval', () => {
    const [comparison] = compare([result(SUBJECT, '/s', [2, 8]), result(nameOfOtherBuild(SUBJECT), '/s', [1, 1])]);
    // The logarithms of 2 and 8 lie log 2 around log 4, and Student's t of one degree of freedom is 12.71.
    expect(comparison?.ratio).to.be.closeTo(4, 1e-9);
    expect(comparison?.high).to.be.closeTo(4 * 2 ** 12.71, 1);
    expect(comparison?.low).to.be.closeTo(4 / 2 ** 12.71, 1e-6);
  });

  it('is above one where this build is better, whether more or less is better', () => {
    for (const [unit, own] of [
      ['/s', 2],
      ['µs', 0.5],
    ] as const) {
      const [comparison] = compare([
        result(SUBJECT, unit, [own, own]),
        result(nameOfOtherBuild(SUBJECT), unit, [1, 1]),
      ]);
      expect(comparison?.ratio, unit).to.be.closeTo(2, 1e-9);
    }
  });

  it('uses the rounds that measured both builds', () => {
    const [comparison] = compare([
      result(SUBJECT, '/s', [3, Number.NaN, 3, 3]),
      result(nameOfOtherBuild(SUBJECT), '/s', [1, 1, Number.NaN, 1]),
    ]);
    expect(comparison).to.include({ rounds: 2 });
  });

  it('calls worse what lies below the bound with its whole interval, from nine rounds on', () => {
    const verdict = (own: readonly number[], other: readonly number[]): boolean[] =>
      compare([result(SUBJECT, '/s', own), result(nameOfOtherBuild(SUBJECT), '/s', other)]).map(isWorse);
    const slower = steady.map((value) => value * 0.9);
    expect(verdict(slower, steady)).to.deep.equal([true]);
    expect(verdict(slower.slice(1), steady.slice(1))).to.deep.equal([false]);
    expect(verdict(steady, slower)).to.deep.equal([false]);
    expect(verdict([50, 200, 60, 150, 50, 180, 90, 40, 70], steady)).to.deep.equal([false]);
  });

  it('leaves out counts, outliers and what only one build has', () => {
    expect(compared('count', [1, 1], [1, 1])).to.deep.equal([]);
    expect(compared('µs', [1, 1], [1, 1], 'p99.9')).to.deep.equal([]);
    expect(compare([result(SUBJECT, '/s', [1, 1])])).to.deep.equal([]);
    expect(compared('/s', [1, Number.NaN], [1, 1])).to.deep.equal([]);
  });
});
