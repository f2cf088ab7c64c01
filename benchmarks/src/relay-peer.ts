/** The process with both clients of `relay.ts`. */
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { unwrap } from '@entropynet/core';
import { endWithParent } from './end-with-parent.js';
import type { RelayTask } from './relay.js';
import { MESSAGE_BYTES } from './subject.js';
import { configOf, start } from './subjects/entropynet.js';

const WARM_UP_MS = 500;
const ROUND_TRIPS = 3000;

endWithParent();
const [{ endpoint, folder, wait }] = (await once(process, 'message')) as [RelayTask];
const { manager } = await start();
const asking = unwrap(manager.openConnection(configOf({ wait }, endpoint, folder)));
unwrap(await asking.connect());
const answering = unwrap(manager.openConnection(configOf({ wait }, endpoint, folder)));
unwrap(await answering.connect());
answering.setMessageCallback((message) => {
  answering.trySend(message);
});
process.send?.(await roundTrips());

/** Round trips after a time without measuring, each in microseconds. */
function roundTrips(): Promise<number[]> {
  const message = new Uint8Array(MESSAGE_BYTES);
  const samples: number[] = [];
  const warmUntil = performance.now() + WARM_UP_MS;
  return new Promise((resolve) => {
    let sentAt = process.hrtime.bigint();
    asking.setMessageCallback(() => {
      const now = process.hrtime.bigint();
      if (performance.now() > warmUntil) samples.push(Number(now - sentAt) / 1000);
      if (samples.length === ROUND_TRIPS) {
        resolve(samples);
        return;
      }
      sentAt = process.hrtime.bigint();
      asking.trySend(message);
    });
    asking.trySend(message);
  });
}
