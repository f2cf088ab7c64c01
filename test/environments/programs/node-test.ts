import { mock, test } from 'node:test';
import { BACKENDS, exchange, openPair, sendNumbered } from '../exchange.js';

/** Mock timers of `node:test`. */
for (const backend of BACKENDS) {
  void test(`a connection over ${backend} under mock timers`, async () => {
    const pair = await openPair(backend);
    mock.timers.enable({ apis: ['setInterval', 'setTimeout', 'setImmediate', 'Date'] });
    await sendNumbered(pair);
    await exchange(backend);
    mock.timers.reset();
    await sendNumbered(pair);
    await pair.close();
  });
}
