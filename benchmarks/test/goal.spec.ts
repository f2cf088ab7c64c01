import { expect } from 'chai';
import { goal, isMet } from '@entropynet/benchmarks/internal/goals/goal';

describe('a goal of the benchmark', () => {
  it('compares the median of the ratios of single rounds with its bound', () => {
    const own = [2, 9, 8];
    const reached = goal('own / other', 'at most', 3, own, [1, 1, 4]);
    expect(reached).to.deep.equal({ what: 'own / other', sense: 'at most', bound: 3, reached: 2 });
    expect(isMet(reached)).to.equal(true);
  });

  it('was not measured if no round has both figures', () => {
    const missed = goal('own / other', 'at least', 1, [2, Number.NaN], [Number.NaN, 1]);
    expect(missed.reached).to.equal(undefined);
    expect(isMet(missed)).to.equal(undefined);
    expect(goal('own / other', 'at least', 1, undefined, [1]).reached).to.equal(undefined);
  });
});
