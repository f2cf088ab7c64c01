import { expect } from 'chai';
import { warmUp } from '@entropynet/benchmarks/internal/workloads/warm-up';

const PERIOD_MS = 100;
const MEASUREMENT_MS = 10;

/** Warms up with the rates of the periods, one after the other. Returns the result, and how many periods there were. */
async function warmedUp(rateOf: (period: number) => number): Promise<{ rate: number; periods: number }> {
  let time = 0;
  const rate = await warmUp(
    () => {
      const measured = rateOf(Math.floor(time / PERIOD_MS));
      time += MEASUREMENT_MS;
      return Promise.resolve(measured);
    },
    PERIOD_MS,
    () => time,
  );
  return { rate, periods: time / PERIOD_MS };
}

describe('the warm-up of a workload', () => {
  it('ends after a period that was no faster', async () => {
    expect(await warmedUp((period) => [10, 20, 30, 31][period]!)).to.deep.equal({ rate: 31, periods: 4 });
    expect(await warmedUp((period) => [10, 8][period]!)).to.deep.equal({ rate: 8, periods: 2 });
  });

  it('ends after a dozen periods, although each is faster', async () => {
    expect(await warmedUp((period) => 2 ** period)).to.deep.equal({ rate: 2 ** 11, periods: 12 });
  });

  it('measures once in a period that is shorter than a measurement', async () => {
    let measurements = 0;
    const rate = await warmUp(
      () => Promise.resolve((measurements += 1) === 1 ? 5 : 4),
      0,
      () => 0,
    );
    expect({ rate, measurements }).to.deep.equal({ rate: 4, measurements: 2 });
  });
});
