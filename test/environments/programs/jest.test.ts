import { checkContainer } from '../container.js';
import { BACKENDS, exchange, openPair, sendNumbered } from '../exchange.js';

/** The part of jest that this file uses. Its own types would claim the global names of mocha's types. */
interface Jest {
  useFakeTimers(options?: { readonly advanceTimers?: boolean }): void;
  useRealTimers(): void;
}
declare const test: (title: string, body: () => Promise<void>, limitMs: number) => void;
const { jest } = import.meta as unknown as { readonly jest: Jest };

const LIMIT_MS = 60_000;

test('the container of a manager', checkContainer, LIMIT_MS);

for (const backend of BACKENDS) {
  test(`a connection over ${backend}`, () => exchange(backend), LIMIT_MS);

  test(
    `a connection over ${backend} under fake timers`,
    async () => {
      const pair = await openPair(backend);
      jest.useFakeTimers();
      await sendNumbered(pair);
      await exchange(backend);
      jest.useRealTimers();
      await sendNumbered(pair);
      await pair.close();
    },
    LIMIT_MS,
  );
}
