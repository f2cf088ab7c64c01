import type { Workload } from './workload.js';

const WARM_UP = 200;
const COUNT = 500;

/** Connections a second, each with one message there and back. */
export const connects: Workload = {
  name: 'connects',
  isQuick: false,
  applies: (subject) => subject.connects === true,
  async run(session) {
    await session.connect(WARM_UP);
    const value = (COUNT * 1000) / (await session.connect(COUNT));
    return [{ figure: 'connections, with a message there and back', statistic: 'rate', unit: '/s', value }];
  },
};
