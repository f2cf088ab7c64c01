import { BACKENDS, failCallback, openPair, sendNumbered } from '../exchange.js';

/** Globals that a test removes and restores while messages are in flight. */
const FAKES = {
  setImmediate: () => ({ unref: () => undefined }),
  queueMicrotask: () => undefined,
  setTimeout: () => ({ unref: () => undefined }),
} as const;

const MESSAGES = 20_000;

for (const backend of BACKENDS) {
  const pair = await openPair(backend);
  for (const [name, fake] of Object.entries(FAKES)) {
    const original: unknown = Reflect.get(globalThis, name);
    await sendNumbered(pair, MESSAGES, (number) => {
      if (number === MESSAGES / 4) Reflect.set(globalThis, name, fake);
      if (number === MESSAGES / 2) Reflect.set(globalThis, name, original);
    });
    await sendNumbered(pair);
  }
  const { now } = performance;
  performance.now = () => 12_345;
  await sendNumbered(pair, MESSAGES);
  performance.now = now;
  await sendNumbered(pair);
  await failCallback(pair);
  await pair.close();
}
process.stdout.write('done\n');
