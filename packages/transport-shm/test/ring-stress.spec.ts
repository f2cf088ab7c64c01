import type { FrameSink } from '@entropynet/core';
import { expect } from 'chai';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { AWAKE, SLEEPS_ON_FUTEX } from '@entropynet/transport-shm/internal/region/layout';
import { RingReader } from '@entropynet/transport-shm/internal/ring/ring-reader';
import { BELL, lengthOf, locationOf, makePlan, payloadOf, SLEEP, WAIT_MS } from './ring-stress-support.js';

/**
 * Two threads at full speed over one small ring: what each publishes the other must see whole and in order, and neither
 * may sleep through a wake. The order of the shared words is what is tried; a lost wake shows as a wait that times out.
 */
describe('a ring between two threads', () => {
  for (const [what, capacity, count, isPaced] of [
    ['a frame at a time', 256, 120_000, true],
    ['at full speed through 256 bytes', 256, 60_000, false],
    ['at full speed through 4 KiB', 4096, 150_000, false],
    ['at full speed through 64 KiB', 65_536, 150_000, false],
  ] as const) {
    it(`keeps every byte and every wake-up, ${what}`, async () => {
      const plan = makePlan(capacity, count, isPaced);
      const location = locationOf(plan);
      const { words } = location;
      const longest = (capacity >>> 2) - 8;
      let next = 0;
      const faults: string[] = [];
      const sink: FrameSink = {
        receive: (header, bytes, start, end) => {
          const expected = payloadOf(next, lengthOf(next, longest));
          const isSame = Buffer.compare(bytes.subarray(start, end), expected) === 0;
          if (header !== next || !isSame) faults.push(`frame ${header} of ${end - start} bytes in place of ${next}`);
          next += 1;
        },
      };
      const reader = new RingReader(location, {
        onRoom: () => {
          Atomics.add(words, BELL, 1);
          Atomics.notify(words, BELL);
        },
        onCorrupted: (reason) => faults.push(reason),
      });
      const producer = new Worker(new URL('./ring-stress-producer.js', import.meta.url), { workerData: plan });
      const exited = once(producer, 'exit');
      try {
        while (next < count && faults.length === 0) {
          if (reader.drain(64, sink) > 0) continue;
          Atomics.store(words, SLEEP, SLEEPS_ON_FUTEX);
          const waited = reader.hasFrames ? 'ok' : Atomics.wait(words, SLEEP, SLEEPS_ON_FUTEX, WAIT_MS);
          Atomics.store(words, SLEEP, AWAKE);
          if (waited === 'timed-out') faults.push(`the consumer was never woken for frame ${next}`);
        }
        expect(faults).to.deep.equal([]);
        expect(await exited).to.deep.equal([0]);
      } finally {
        await producer.terminate();
      }
      expect(reader.hasFrames).to.equal(false);
    });
  }
});
