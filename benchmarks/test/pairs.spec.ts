import { expect } from 'chai';
import { CIRCUMSTANCES, figureOfPairs, measurePairs, spreadOf } from '@entropynet/benchmarks/internal/pairs';

describe('fresh pairs of the benchmark', () => {
  it('are told by the best, the median and the worst', () => {
    const spread = spreadOf('pairs', [3, 1, 90, 2, 4]);
    expect(spread.map(({ statistic, value }) => [statistic, value])).to.deep.equal([
      ['best pair', 1],
      ['median pair', 3],
      ['worst pair', 90],
    ]);
  });

  it('exchange messages in two processes, beside a third that computes', async function () {
    this.timeout(60_000);
    const [, busy] = CIRCUMSTANCES;
    const seen: number[] = [];
    const measured = await measurePairs('net (Unix socket)', 1, busy!, (pair) => seen.push(pair));
    expect(seen).to.deep.equal([0]);
    expect(new Set(measured.map(({ figure }) => figure))).to.deep.equal(new Set([figureOfPairs(busy!)]));
    for (const { value } of measured) expect(value).to.be.above(0);
  });
});
