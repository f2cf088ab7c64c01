import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { frameHeader, FrameType, unwrap } from '@entropynet/core';
import { AWAKE, sideLayout, SLEEPS_ON_FUTEX } from '@entropynet/transport-shm/internal/region/layout';
import { RingWriter } from '@entropynet/transport-shm/internal/ring/ring-writer';
import { leaveOut, NO_PAUSE } from '@entropynet/test/support/leave-out';
import {
  asSharedMemory,
  describeWithScene,
  reached,
} from '@entropynet/test/support/shared-memory/shared-memory-support';

describeWithScene('a thread that waits for work of shared memory', (scene) => {
  it('wakes a blocked thread when there is work', async () => {
    const server = await scene().server();
    const { client, accepted } = await scene().pair(server);
    const received = new Promise((resolve) => {
      accepted.setMessageCallback(resolve);
    });
    accepted.startReceiving();
    expect(asSharedMemory(accepted).waitForWork(1)).to.equal(false);
    unwrap(client.trySend(Uint8Array.of(1)));
    expect(asSharedMemory(accepted).waitForWork(10_000)).to.equal(true);
    await received;
  });

  it('wakes a blocked thread when there is room after a refusal', async function () {
    if (NO_PAUSE !== undefined) leaveOut(this, NO_PAUSE);
    const server = await scene().server();
    const child = scene().fork('read');
    await once(child, 'message');
    const accepted = unwrap(await server.accept());
    scene().onClose(() => accepted.disconnect());
    accepted.startReceiving();
    child.kill('SIGSTOP');
    let isFull = false;
    while (!isFull) {
      while (accepted.trySend(new Uint8Array(1000)).ok);
      isFull = !asSharedMemory(accepted).waitForWork(50);
      await new Promise(setImmediate);
    }
    const drained = new Promise<void>((resolve) => {
      accepted.once('drain', () => {
        resolve();
      });
    });
    // By another process, which goes on while this thread blocks.
    spawn('kill', ['-CONT', String(child.pid)]);
    expect(asSharedMemory(accepted).waitForWork(60_000)).to.equal(true);
    await drained;
    unwrap(accepted.trySend(new Uint8Array(1000)));
  });

  it('withdraws the declaration of a blocked sender before it wakes it', async () => {
    const server = await scene().server();
    const { region, socket } = await scene().rawClient();
    const accepted = unwrap(await server.accept());
    scene().onClose(() => accepted.disconnect());
    const received = new Promise((resolve) => {
      accepted.setMessageCallback(resolve);
    });
    const { words, bytes, ringCapacity: capacity } = region;
    const [own, peer] = [sideLayout('client', capacity), sideLayout('server', capacity)];
    Atomics.store(words, own.waitsForRoom, 1);
    Atomics.store(words, own.sleep, SLEEPS_ON_FUTEX);
    const location = { tail: own.tail, head: peer.head, consumerSleep: peer.sleep, producerWaits: own.waitsForRoom };
    const writer = new RingWriter(
      { words, bytes, capacity, start: own.ringStart, ...location },
      { onWake: () => undefined, onCorrupted: () => undefined },
    );
    writer.tryWrite(frameHeader(FrameType.Message, 0), Uint8Array.of(7), 0, 1);
    socket.ring();
    accepted.startReceiving();
    await received;
    await new Promise(setImmediate);
    expect([words[own.sleep], words[own.waitsForRoom]]).to.deep.equal([AWAKE, 0]);
  });

  it('wakes a thread that blocks when the peer dies', async () => {
    const server = await scene().server();
    const child = scene().fork('read');
    await once(child, 'message');
    const accepted = unwrap(await server.accept());
    accepted.startReceiving();
    const failed = reached(accepted, 'failed');
    expect(asSharedMemory(accepted).waitForWork(1)).to.equal(false);
    child.kill('SIGKILL');
    expect(asSharedMemory(accepted).waitForWork(15_000)).to.equal(true);
    expect(await failed).to.have.property('code', 'PeerDied');
  });
});
