import { install } from '@sinonjs/fake-timers';
import { BACKENDS, exchange, openPair, sendNumbered } from '../exchange.js';

/** All but `nextTick`, which the streams of Node.js read at each use. */
const EVERYTHING = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  'Date',
  'hrtime',
  'performance',
  'queueMicrotask',
] as const;

/** Fake clocks of sinon: during a whole life of a connection, and installed and taken away under one that stands. */
for (const backend of BACKENDS) {
  const pair = await openPair(backend);
  for (let time = 0; time < 3; time += 1) {
    await sendNumbered(pair);
    const clock = install({ toFake: [...EVERYTHING], now: 12_345 });
    await sendNumbered(pair);
    clock.uninstall();
    await sendNumbered(pair);
  }
  await pair.close();

  const clock = install({ toFake: [...EVERYTHING] });
  await exchange(backend);
  clock.uninstall();
}
process.stdout.write('done\n');
