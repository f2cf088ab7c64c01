/** The producing thread of the ring's stress test; `workerData` is a `StressPlan`. */
import { workerData } from 'node:worker_threads';
import { RingWriter } from '@entropynet/transport-shm/internal/ring/ring-writer';
import { BELL, lengthOf, locationOf, payloadOf, SLEEP, type StressPlan, WAIT_MS } from './ring-stress-support.js';

const plan = workerData as StressPlan;
const location = locationOf(plan);
const { words } = location;
const writer = new RingWriter(location, {
  onWake: () => {
    Atomics.notify(words, SLEEP);
  },
  onCorrupted: (reason) => {
    throw new Error(reason);
  },
});

/** Passes a little time that differs from frame to frame, so that the two threads meet in every order. */
function dawdle(index: number): void {
  for (let spins = Math.imul(index, 0x9e3779b1) >>> 25; spins > 0; spins -= 1) Atomics.load(words, BELL);
}

for (let index = 0; index < plan.count; index += 1) {
  if (plan.isPaced) {
    while (writer.consumerPosition !== writer.written);
    dawdle(index);
  }
  const payload = payloadOf(index, lengthOf(index, writer.maxFrameBytes));
  while (!writer.tryWrite(index, payload, 0, payload.length)) {
    const bell = Atomics.load(words, BELL);
    if (writer.checkUnblocked()) continue;
    if (Atomics.wait(words, BELL, bell, WAIT_MS) === 'timed-out') {
      throw new Error(`the producer was never told of room for frame ${index}`);
    }
  }
}
