import { performance } from 'node:perf_hooks';
import { type Measurement, medianOf } from '../measurement.js';
import type { Session } from '../session.js';
import { MESSAGE_BYTES, Task } from '../subject.js';
import type { Workload } from './workload.js';

/** The length of a message that a page's WebSocket sends in two fragments, in bytes. */
const FRAGMENTED_BYTES = 262_144;

/** The messages of a stretch: a tenth of a second or more of the receiver's time. */
const SHORT_MESSAGES = 200_000;
const FRAGMENTED_MESSAGES = 200;

const WARM_UP_MS = 1500;
const STRETCHES = 5;

/**
 * Messages that arrive in fragments, and short ones after one of those. Measures what the receiver needs for a message:
 * the sender plays a page, and plays it more slowly than a browser does.
 */
export const fragments: Workload = {
  name: 'fragments',
  isQuick: false,
  isSpecial: true,
  async run(session) {
    return [
      await timeOf('64 B after fragments', SHORT_MESSAGES, session, async () => {
        await session.oneWay(1, FRAGMENTED_BYTES);
        await session.oneWay(SHORT_MESSAGES, MESSAGE_BYTES);
      }),
      await timeOf(`${FRAGMENTED_BYTES} B in fragments`, FRAGMENTED_MESSAGES, session, async () => {
        await session.oneWay(FRAGMENTED_MESSAGES, FRAGMENTED_BYTES);
      }),
    ];
  },
};

/** The processor time of the receiver for each of the `count` messages that `send` sends. */
async function timeOf(
  figure: string,
  count: number,
  session: Session,
  send: () => Promise<void>,
): Promise<Measurement> {
  const end = performance.now() + WARM_UP_MS;
  while (performance.now() < end) await send();
  const times = [];
  for (let stretch = 0; stretch < STRETCHES; stretch += 1) {
    const before = await session.ask(Task.ProcessorTime);
    await send();
    times.push(((await session.ask(Task.ProcessorTime)) - before) / count);
  }
  return { figure, statistic: 'receiving', unit: 'µs', value: medianOf(times) };
}
