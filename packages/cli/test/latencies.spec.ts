import { Latencies } from '@entropynet/cli/internal/support/latencies';
import { expect } from 'chai';
import fc from 'fast-check';

const durations = fc.array(fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 60_000_000_000 })), {
  minLength: 1,
  maxLength: 2000,
});

function latenciesOf(values: readonly number[]): Latencies {
  const latencies = new Latencies();
  for (const value of values) latencies.record(value);
  return latencies;
}

describe('the distribution of round trips', () => {
  it('counts in each bar the values above the previous limit and up to its own', () => {
    fc.assert(
      fc.property(durations, (values) => {
        let before = 0;
        for (const { limit, count } of latenciesOf(values).bars()) {
          expect(limit).to.be.above(before);
          expect(count).to.equal(values.filter((value) => value > before && value <= limit).length);
          before = limit;
        }
        expect(before).to.equal(Math.max(...values));
      }),
    );
  });

  it('gives a percentile at most one percent above the exact one', () => {
    fc.assert(
      fc.property(durations, fc.constantFrom(50, 90, 99, 99.9), (values, percent) => {
        const exact = [...values].sort((a, b) => a - b)[Math.ceil((percent / 100) * values.length) - 1]!;
        const given = latenciesOf(values).percentile(percent);
        expect(given).to.be.within(exact, Math.max(exact * 1.0101, exact));
      }),
    );
  });

  it('knows the least, the most and the mean', () => {
    const latencies = latenciesOf([10, 20, 60]);
    expect([latencies.least, latencies.most, latencies.mean, latencies.count]).to.deep.equal([10, 60, 30, 3]);
  });

  it('shows shares other than halves', () => {
    const values = [...Array<number>(30).fill(1000), ...Array<number>(70).fill(9000)];
    const shares = latenciesOf(values)
      .bars()
      .map(({ count }) => count);
    expect(shares.filter((count) => count > 0)).to.deep.equal([30, 70]);
  });

  it('has no bars without values', () => {
    expect(new Latencies().bars()).to.deep.equal([]);
  });
});
