import { expect } from 'chai';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type Scope, turns, within } from '@entropynet/conformance/tools';
import { type FrameSink, type NetworkError, unwrap } from '@entropynet/core';
import { CONTROL_BLOCK_BYTES, sideLayout } from '@entropynet/transport-shm/internal/region/layout';
import { RingReader } from '@entropynet/transport-shm/internal/ring/ring-reader';
import type { RingLocation } from '@entropynet/transport-shm/internal/ring/ring-location';
import { RingWriter } from '@entropynet/transport-shm/internal/ring/ring-writer';
import { clientWriter, nativeBinding, reached } from '../support/shared-memory/shared-memory-support.js';
import type { AdversaryPlan } from './support/adversary-worker.js';
import { addon, describeFaults, faultTest, rounds } from './support/fault-test.js';
import { rawConnect } from './support/hostile.js';
import { sceneOf } from './support/hostile-region.js';
import { expectEcho } from './support/processes.js';

describeFaults('a region whose words change all the time', () => {
  faultTest(['H3', 'H4'], 'words change between two reads during traffic', [addon], async ({ scope, saw }) => {
    const binding = nativeBinding()!;
    const byteLength = 65_536;
    const { buffer, descriptor } = binding.createRegion(byteLength);
    scope.defer(() => {
      binding.closeDescriptor(descriptor);
      binding.unmapRegion(buffer);
    });
    // Small, so that the adversary often changes the frame that the reader reads.
    const capacity = 1024;
    const own = sideLayout('client', capacity);
    const peer = sideLayout('server', capacity);
    const location: RingLocation = {
      words: new Int32Array(buffer, 0, byteLength >> 2),
      bytes: new Uint8Array(buffer),
      start: own.ringStart,
      capacity,
      tail: own.tail,
      head: peer.head,
      consumerSleep: peer.sleep,
      producerWaits: own.waitsForRoom,
    };
    const adversary = await startAdversary(scope, {
      descriptor,
      byteLength,
      words: wordsOf(location),
      frames: [location.start >> 2, capacity >> 2],
    });
    const wanted = 10_000_000;
    const payload = new Uint8Array(200);
    let frames = 0;
    let corruptions = 0;
    let outside = 0;
    while (frames < wanted) {
      for (const index of [location.tail, location.head]) Atomics.store(location.words, index, 0);
      let isCorrupt = false;
      const onCorrupted = (): void => {
        isCorrupt = true;
        corruptions += 1;
      };
      const writer = new RingWriter(location, { onWake: () => undefined, onCorrupted });
      const sink: FrameSink = {
        receive: (_header, bytes, start, end) => {
          frames += 1;
          const isInside = start <= end && start >= location.start && end <= location.start + capacity;
          if (!isInside || bytes !== location.bytes) outside += 1;
        },
      };
      const reader = new RingReader(location, {
        onRoom: () => undefined,
        onCorrupted,
      });
      for (let batch = 0; batch < 2000 && !isCorrupt && frames < wanted; batch += 1) {
        for (let count = 0; count < 16; count += 1) {
          const length = (batch * 16 + count) % 200;
          writer.tryWrite(0, payload.subarray(0, length), 0, length);
        }
        reader.drain(64, sink);
        writer.checkUnblocked();
      }
    }
    const changes = await adversary.stop();
    expect(outside).to.equal(0);
    expect(changes).to.be.greaterThan(1000);
    saw(`${frames} frames, ${changes} changes, ${corruptions} found corrupt, none outside the region`);
  });

  faultTest(
    ['H3', 'H4', 'H7'],
    'a whole connection whose words change all the time',
    [addon],
    async ({ scope, saw }) => {
      const scene = sceneOf(scope);
      const server = await scene.server();
      const count = rounds(10, 400);
      const neighbour = await scene.pair(server);
      neighbour.accepted.setMessageCallback((data) => neighbour.accepted.trySend(data));
      neighbour.accepted.startReceiving();
      const outcomes = new Map<string, number>();
      for (let round = 0; round < count; round += 1) {
        const raw = await rawConnect(scope, scene.config);
        const accepted = unwrap(await server.accept());
        accepted.setMessageCallback((data) => accepted.trySend(data));
        const states: string[] = [];
        accepted.on('state', (state) => states.push(state));
        const failed = reached(accepted, 'failed');
        accepted.startReceiving();
        const own = sideLayout('client', raw.ringCapacity);
        const peer = sideLayout('server', raw.ringCapacity);
        const words = [
          own.tail,
          own.head,
          own.sleep,
          own.waitsForRoom,
          peer.tail,
          peer.head,
          peer.sleep,
          peer.waitsForRoom,
        ];
        const adversary = await startAdversary(scope, {
          ...raw,
          words,
          frames: [CONTROL_BLOCK_BYTES >> 2, (raw.byteLength - CONTROL_BLOCK_BYTES) >> 2],
          seed: round + 1,
        });
        const writer = clientWriter({ ...raw });
        const payload = new Uint8Array(300);
        for (let turn = 0; turn < 500 && accepted.isConnected(); turn += 1) {
          for (let index = 0; index < 50; index += 1) writer.tryWrite(0, payload.subarray(0, index), 0, index);
          raw.socket.ring();
          await turns(1);
        }
        await adversary.stop();
        raw.socket.close();
        const error = (await within(failed, 'the connection has ended')) as NetworkError | undefined;
        outcomes.set(error?.code ?? 'none', (outcomes.get(error?.code ?? 'none') ?? 0) + 1);
        // A link catches what its members throw, and reports it with this code.
        expect(error?.code, error?.message).to.not.equal('SharedMemoryNotAvailable');
        await turns(2);
        expect(states).to.deep.equal(['failed']);
        await within(expectEcho(neighbour.client, round + 1), 'the other connection echoed');
      }
      saw([...outcomes].map(([code, number]) => `${code} ${number}`).join(', '));
    },
  );
});

function wordsOf({ tail, head, consumerSleep, producerWaits }: RingLocation): number[] {
  return [tail, head, consumerSleep, producerWaits];
}

/** A thread that changes words of the region until `stop`, which returns the number of changes. */
async function startAdversary(
  scope: Scope,
  plan: Omit<AdversaryPlan, 'control' | 'seed'> & { readonly seed?: number },
): Promise<{ stop(): Promise<number> }> {
  const control = new SharedArrayBuffer(8);
  const { descriptor, byteLength, words, frames, seed = 12_345 } = plan;
  const worker = new Worker(new URL('./support/adversary-worker.js', import.meta.url), {
    workerData: { descriptor, byteLength, words, frames, seed, control } satisfies AdversaryPlan,
  });
  const exited = once(worker, 'exit');
  const stop = async (): Promise<number> => {
    Atomics.store(new Int32Array(control), 0, 1);
    await exited;
    return Atomics.load(new Int32Array(control), 1);
  };
  scope.defer(stop);
  await once(worker, 'message');
  return { stop };
}
