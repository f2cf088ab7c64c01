import { expect } from 'chai';
import { type Measurement, Results } from '@entropynet/benchmarks/internal/measurement';

function rate(value: number, figure = 'one way'): Measurement[] {
  return [{ figure, statistic: 'rate', unit: '/s', value }];
}

describe('the results of a benchmark', () => {
  it('are the medians of their rounds, each of which may lack a figure', () => {
    const results = new Results();
    for (const [round, value] of [4, 1, 3].entries()) results.add(round, 'ws', rate(value));
    results.add(2, 'net', rate(7));
    expect(results.medians()).to.deep.equal([
      { subject: 'ws', figure: 'one way', statistic: 'rate', unit: '/s', rounds: [4, 1, 3], value: 3 },
      {
        subject: 'net',
        figure: 'one way',
        statistic: 'rate',
        unit: '/s',
        rounds: [Number.NaN, Number.NaN, 7],
        value: 7,
      },
    ]);
    expect(results.noteOnDistance).to.equal(undefined);
  });

  it('leave out what was measured while the processors lay apart, unless a figure has nothing else', () => {
    const results = new Results();
    results.add(0, 'ws', rate(1), 1.1);
    results.add(0, 'ws', rate(10, 'idle'), 0.23);
    results.add(1, 'ws', rate(5), 0.27);
    results.add(1, 'net', rate(2), 0.9);
    const values = results.medians().map(({ subject, figure, value }) => [subject, figure, value]);
    expect(values).to.deep.equal([
      ['ws', 'one way', 5],
      ['ws', 'idle', 10],
      ['net', 'one way', 2],
    ]);
    expect(results.noteOnDistance).to.equal(
      'In 2 of 4 measurements the two processors lay apart: the C++ ring took 1.10 µs for a round trip instead of 0.23 µs.' +
        ' Left out where there are others.',
    );
  });
});
