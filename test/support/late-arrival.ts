import { MessageChannel } from 'node:worker_threads';

/** A time limit of a test, in milliseconds: it is over after `arriveLate`. */
export const SHORT_LIMIT_MS = 20;

/**
 * Blocks this thread until after time limits of `SHORT_LIMIT_MS` that have begun, as a busy or stopped process does.
 * Meanwhile something has arrived: the event loop calls `arrive` when it reads that.
 */
export function arriveLate(arrive: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port2.once('message', () => {
    arrive();
    port1.close();
  });
  port1.postMessage(undefined);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3 * SHORT_LIMIT_MS);
}
