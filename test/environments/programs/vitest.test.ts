import { checkContainer } from '../container.js';
import { BACKENDS, exchange, openPair, sendNumbered } from '../exchange.js';

/** The part of vitest that this file uses. Its own types would claim the global names of mocha's types. */
interface Vitest {
  useFakeTimers(options?: { readonly toFake?: readonly string[] }): void;
  useRealTimers(): void;
}
declare const vi: Vitest;
declare const test: (title: string, body: () => Promise<void>, limitMs: number) => void;

const LIMIT_MS = 60_000;

test('the container of a manager', checkContainer, LIMIT_MS);

for (const backend of BACKENDS) {
  test(`a connection over ${backend}`, () => exchange(backend), LIMIT_MS);

  test(
    `a connection over ${backend} under fake timers`,
    async () => {
      const pair = await openPair(backend);
      vi.useFakeTimers();
      await sendNumbered(pair);
      await exchange(backend);
      vi.useRealTimers();
      await sendNumbered(pair);
      await pair.close();
    },
    LIMIT_MS,
  );
}
