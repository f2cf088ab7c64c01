import { medianOf } from '../measurement.js';
import { warmUp } from './warm-up.js';
import type { Workload } from './workload.js';

/** Thousands of connects run before all their code is compiled, because each part of it runs once a connect. */
const WARM_UP_PERIOD_MS = 1000;
/** The connects of one measurement of the warm-up. */
const FEW = 100;
const COUNT = 500;
const STRETCHES = 3;

/** Connections a second, each with one message there and back. */
export const connects: Workload = {
  name: 'connects',
  isQuick: false,
  applies: (subject) => subject.connects === true,
  async run(session) {
    const rateOf = async (count: number): Promise<number> => (count * 1000) / (await session.connect(count));
    await warmUp(() => rateOf(FEW), WARM_UP_PERIOD_MS);
    const rates = [];
    for (let stretch = 0; stretch < STRETCHES; stretch += 1) rates.push(await rateOf(COUNT));
    const value = medianOf(rates);
    return [{ figure: 'connections, with a message there and back', statistic: 'rate', unit: '/s', value }];
  },
};
