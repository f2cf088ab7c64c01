import { expect } from 'chai';
import { constants, type NodeGCPerformanceDetail, PerformanceObserver } from 'node:perf_hooks';
import { until, within } from '@entropynet/conformance/tools';
import { resolveConnectionConfig, unwrap } from '@entropynet/core';
import { SharedMemoryConnection } from '@entropynet/transport-shm';
import type { NativeBinding } from '@entropynet/transport-shm/internal/native-binding';
import { regionAccess } from '@entropynet/transport-shm/internal/region/shared-memory-region';
import { leaveOut } from '@entropynet/test/support/leave-out';
import { itWithAddon, nativeBinding, Scene } from '@entropynet/test/support/shared-memory/shared-memory-support';

describe('the access to a region', () => {
  const wanted = (access: 'auto' | 'direct' | 'copied', isAllowed: boolean): string => {
    const config = unwrap(resolveConnectionConfig({ endpoint: 'x', sharedMemory: { access } }));
    const runtime = { supportsExternalBuffers: () => isAllowed } as NativeBinding;
    const decided = regionAccess(runtime, config.sharedMemory);
    return decided.ok ? decided.value : decided.error.code;
  };

  it('is direct if the runtime allows it, and otherwise, or on request, through a copy', () => {
    expect(wanted('auto', true)).to.equal('direct');
    expect(wanted('auto', false)).to.equal('copied');
    expect(wanted('copied', true)).to.equal('copied');
    expect(wanted('direct', true)).to.equal('direct');
    expect(wanted('direct', false)).to.equal('SharedMemoryNotAvailable');
  });

  for (const [serverAccess, clientAccess] of [
    ['direct', 'copied'],
    ['copied', 'direct'],
    ['copied', 'copied'],
  ] as const) {
    itWithAddon(`may differ between the ends: server ${serverAccess}, client ${clientAccess}`, async () => {
      const scene = new Scene();
      try {
        const { sharedMemory } = scene.config;
        const server = await scene.server({ sharedMemory: { ...sharedMemory, access: serverAccess } });
        const client = new SharedMemoryConnection('scene', { sharedMemory: { ...sharedMemory, access: clientAccess } });
        scene.onClose(() => client.disconnect());
        unwrap(await client.connect());
        const accepted = unwrap(await server.accept());
        scene.onClose(() => accepted.disconnect());
        accepted.setMessageCallback((data) => accepted.send(data));
        accepted.startReceiving();
        // All through the rings several times, and one longer than a ring.
        const lengths = [...Array.from({ length: 200 }, (_, index) => (index * 97) % 5000), 100_000, 0];
        const echoed: Uint8Array[] = [];
        const done = new Promise<void>((resolve) => {
          client.setMessageCallback((data) => {
            if (echoed.push(data) === lengths.length) resolve();
          });
        });
        const sent = lengths.map((length, index) => new Uint8Array(length).fill(index + 1));
        for (const message of sent) unwrap(await client.send(message));
        await done;
        expect(echoed.map((data) => data.length)).to.deep.equal(lengths);
        expect(echoed.every((data, index) => Buffer.compare(data, sent[index] ?? data) === 0)).to.equal(true);
      } finally {
        await scene.close();
      }
    });
  }

  itWithAddon('makes V8 collect only after thousands of regions that were unmapped', async function () {
    const binding = nativeBinding()!;
    if (!binding.supportsExternalBuffers()) leaveOut(this, 'this runtime has no external buffers');
    let unforced = 0;
    const forced = new Promise<void>((resolve) => {
      const observer = new PerformanceObserver((list) => {
        for (const { detail } of list.getEntries() as unknown as { detail: NodeGCPerformanceDetail }[]) {
          if (detail.kind !== constants.NODE_PERFORMANCE_GC_MAJOR) continue;
          if (detail.flags !== constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) unforced += 1;
          else {
            observer.disconnect();
            resolve();
          }
        }
      });
      observer.observe({ entryTypes: ['gc'] });
    });
    for (let made = 0; made < 6000; made += 1) {
      const { buffer, descriptor } = binding.createRegion(4 * 2 ** 20);
      binding.unmapRegion(buffer);
      binding.closeDescriptor(descriptor);
    }
    globalThis.gc!();
    await within(forced, 'the collection was reported');
    expect(unforced).to.be.at.most(2);
  });

  itWithAddon('leaves views of a copy empty when the connection has ended', async () => {
    const scene = new Scene({ sharedMemory: { access: 'copied' } });
    try {
      const { client, accepted } = await scene.pair(await scene.server());
      const borrowed = new Promise<Uint8Array>((resolve) => {
        accepted.setMessageCallback(resolve, { ownership: 'borrow' });
      });
      accepted.startReceiving();
      const claim = unwrap(client.claim(8));
      claim.bytes.fill(7);
      unwrap(claim.commit());
      const view = await borrowed;
      expect(view.length).to.equal(8);
      await client.disconnect();
      await accepted.disconnect();
      expect([view.length, claim.bytes.length]).to.deep.equal([0, 0]);
    } finally {
      await scene.close();
    }
  });

  for (const access of ['direct', 'copied'] as const) {
    for (const ownership of ['copy', 'borrow'] as const) {
      itWithAddon(`keeps no memory for ended connections: ${access}, ownership '${ownership}'`, async () => {
        const scene = new Scene({ sharedMemory: { access } });
        try {
          const { client, accepted } = await scene.pair(await scene.server());
          const buffers: WeakRef<ArrayBufferLike>[] = [];
          let received = 0;
          const count = (): void => {
            received += 1;
          };
          for (const connection of [client, accepted]) {
            connection.setMessageCallback(count, { ownership });
            connection.startReceiving();
            const sent = connection.trySendWith(8, (bytes) => {
              buffers.push(new WeakRef(bytes.buffer));
            });
            unwrap(sent);
          }
          await until(() => received === 2, 'both ends received a message');
          await client.disconnect();
          await accepted.disconnect();
          await until(() => {
            gc!();
            return buffers.every((buffer) => buffer.deref() === undefined);
          }, 'the memory of both ends was given back');
          // The program still has both connections.
          expect([client, accepted].map((connection) => connection.isConnected())).to.deep.equal([false, false]);
        } finally {
          await scene.close();
        }
      });
    }
  }
});
