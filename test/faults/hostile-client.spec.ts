import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { turns, until } from '@entropynet/conformance/tools';
import { frameHeader, FrameType, type NetworkError, resolveConnectionConfig, unwrap } from '@entropynet/core';
import type { SharedMemoryServer } from '@entropynet/transport-shm';
import { findServer, type FoundServer } from '@entropynet/transport-shm/internal/discovery/find-server';
import { encodeRequest } from '@entropynet/transport-shm/internal/discovery/handshake-messages';
import {
  CONTROL_BLOCK_BYTES,
  IDENTITY_BYTES,
  IDENTITY_OFFSET,
  sideLayout,
  SLEEPS_ON_DOORBELL,
} from '@entropynet/transport-shm/internal/region/layout';
import { identityIn, linkKeyOf } from '@entropynet/transport-shm/internal/region/link-key';
import { clientWriter, nativeBinding, reached, Scene } from '../support/shared-memory/shared-memory-support.js';
import { addon, describeFaults, faultTest, rounds } from './support/fault-test.js';
import { ask, rawConnect } from './support/hostile.js';

const LIMITS = { maxMessageSize: 1024, channelWindow: 65_536, maxChannels: 4 };

/** Returns the reason of a refusal. */
function refusalIn(reply: Uint8Array): number {
  return new DataView(reply.buffer).getUint32(12, true);
}

describeFaults('a hostile client of another process', () => {
  faultTest('H14', 'changes the bytes of a channel name while they are read', [addon], async ({ scope, saw }) => {
    const scene = new Scene({ sharedMemory: { regionSize: 4 * 1024 * 1024 } });
    scope.defer(() => scene.close());
    const victim = scene.fork('receive');
    const said: unknown[] = [];
    victim.on('message', (message) => said.push(message));
    await until(() => said.length > 0, 'the server listens');
    const count = rounds(20, 200);
    for (let round = 1; round <= count; round += 1) {
      const { region, socket } = await scene.rawClient();
      const start = CONTROL_BLOCK_BYTES + region.ringCapacity;
      const name = new Uint8Array(region.bytes.buffer, start + 8, region.ringCapacity - 8);
      // Two bytes a character at first: a reader that measures and reads in two steps expects half as many.
      for (let index = 0; index < name.length; index += 2) name.set([0xc2, 0x80], index);
      region.words[start >> 2] = name.length;
      region.words[(start >> 2) + 1] = frameHeader(FrameType.ChannelOpen, 1);
      Atomics.store(region.words, sideLayout('client', region.ringCapacity).tail, region.ringCapacity);
      socket.ring();
      // Each round hits another moment of the reading.
      const moment = performance.now() + (round % 20) * 0.6;
      while (performance.now() < moment) Atomics.load(region.words, 0);
      name.fill(0x41);
      await until(() => said.length > round || victim.exitCode !== null || victim.signalCode !== null, 'it has ended');
      expect(victim.signalCode, 'the signal that ended the server').to.equal(null);
    }
    expect(new Set(said.slice(1))).to.deep.equal(new Set(['InvalidMessage']));
    saw(`${count} names, each InvalidMessage`);
  });

  faultTest('H6', 'changes the identity of its region before it is accepted', [addon], async ({ scope, saw }) => {
    const scene = new Scene();
    scope.defer(() => scene.close());
    const server = await scene.server();
    const { bytes } = await rawConnect(scope, scene.config);
    const linkKey = linkKeyOf(identityIn(bytes));
    // The acknowledgement is sent, and the server reads it in a later turn of the event loop.
    bytes.fill(0xee, IDENTITY_OFFSET, IDENTITY_OFFSET + IDENTITY_BYTES);
    expect(unwrap(await server.accept()).linkKey).to.equal(linkKey);
    saw('the identity of the handshake counts');
  });
});

for (const access of ['direct', 'copied'] as const) {
  describeFaults(`a hostile client, this side ${access}`, () => {
    let scene: Scene;
    let server: SharedMemoryServer;

    beforeEach(async () => {
      scene = new Scene({ sharedMemory: { handshakeTimeoutMs: 300 } });
      if (nativeBinding() === undefined) return;
      server = await scene.server({ sharedMemory: { ...scene.config.sharedMemory, access } });
    });

    afterEach(async () => {
      await scene.close();
    });

    /** The server, as its clients find it. */
    function found(): FoundServer {
      return unwrap(findServer(unwrap(resolveConnectionConfig(scene.config))));
    }

    /** A plain socket to the server's local socket. */
    async function stranger(): Promise<Socket> {
      const { socketPath } = found();
      for (;;) {
        const socket = connect(socketPath);
        scene.onClose(() => socket.destroy());
        try {
          await once(socket, 'connect');
          return socket;
        } catch (error) {
          // The queue of the server is full. It has room after the server has given up the first clients.
          if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
          await turns(1);
        }
      }
    }

    /** Shows that the server still serves: it echoes a message. */
    async function expectServing(): Promise<void> {
      const { client, accepted } = await scene.pair(server);
      const echoed = new Promise<Uint8Array>((resolve) => {
        client.setMessageCallback(resolve);
      });
      accepted.setMessageCallback((data) => accepted.trySend(data));
      accepted.startReceiving();
      unwrap(await client.send(Uint8Array.of(42)));
      expect([...(await echoed)]).to.deep.equal([42]);
      await client.disconnect();
    }

    describe('in the handshake', () => {
      faultTest('H11', 'sends an invalid request', [addon], async () => {
        const socket = await stranger();
        const ended = once(socket, 'close');
        socket.resume();
        socket.write(Buffer.alloc(64, 0x41));
        await ended;
        await expectServing();
      });

      faultTest('L5', 'has another version', [addon], async ({ scope, saw }) => {
        const request = encodeRequest({ serverNonce: new Uint8Array(16), regionBytes: 65_536, limits: LIMITS });
        request[4] = 9;
        expect(refusalIn((await ask(scope, found(), request)).reply)).to.equal(1);
        await expectServing();
        saw('refused as IncompatibleVersion');
      });

      faultTest('F4', 'looks for the previous server', [addon], async ({ scope }) => {
        const request = encodeRequest({ serverNonce: new Uint8Array(16), regionBytes: 65_536, limits: LIMITS });
        expect(refusalIn((await ask(scope, found(), request)).reply)).to.equal(3);
      });

      faultTest('H11', 'sends nothing, or half a message, or leaves', [addon], async () => {
        const silent = await stranger();
        const ended = once(silent, 'close');
        silent.resume();
        (await stranger()).write(Buffer.alloc(10));
        (await stranger()).destroy();
        await expectServing();
        await ended;
      });

      faultTest('H11', 'opens many handshakes and finishes none', [addon], async ({ saw }) => {
        const strangers: Socket[] = [];
        const count = rounds(190, 2000);
        // In parts, because clients without an accept wait in the kernel, whose queue is short.
        for (let done = 0; done < count; done += 10) {
          strangers.push(...(await Promise.all(Array.from({ length: 10 }, () => stranger()))));
        }
        await expectServing();
        for (const socket of strangers) socket.destroy();
        await expectServing();
        saw(`${count} half-open handshakes; served in their midst`);
      });
    });

    describe('inside the region', () => {
      const client = sideLayout('client', 0);

      /** Lets a raw client misbehave. Returns the error of its connection, and shows that no other connection fails. */
      async function failureOf(misbehave: (words: Int32Array, ringStart: number) => void): Promise<NetworkError> {
        const raw = await scene.rawClient();
        const accepted = unwrap(await server.accept());
        accepted.setMessageCallback(() => undefined);
        const failed = reached(accepted, 'failed');
        accepted.startReceiving();
        misbehave(raw.region.words, CONTROL_BLOCK_BYTES + raw.region.ringCapacity);
        raw.socket.ring();
        const error = (await failed) as NetworkError;
        await expectServing();
        return error;
      }

      faultTest('H3', 'publishes an impossible position', [addon], async () => {
        const error = await failureOf((words) => Atomics.store(words, client.tail, 0x7000_0000));
        expect(error.code).to.equal('SharedMemoryCorrupted');
      });

      for (const length of [0xffff_fffe, 0x7fff_ffff, 40_000, 100]) {
        faultTest('H4', `writes a frame length of ${length}`, [addon], async () => {
          const error = await failureOf((words, ringStart) => {
            words[ringStart >> 2] = length;
            Atomics.store(words, client.tail, 16);
          });
          expect(error.code).to.equal('SharedMemoryCorrupted');
        });
      }

      faultTest('H6', 'rewrites line 0 of the control block after the attach', [addon], async () => {
        const raw = await scene.rawClient();
        const accepted = unwrap(await server.accept());
        const received = new Promise<Uint8Array>((resolve) => {
          accepted.setMessageCallback(resolve);
        });
        accepted.startReceiving();
        raw.region.words.fill(-1, 0, 16);
        clientWriter(raw.region).tryWrite(0, Uint8Array.of(5), 0, 1);
        raw.socket.ring();
        expect([...(await received)]).to.deep.equal([5]);
      });

      for (const [what, header, payload] of [
        ['an unknown frame type', 200, 0],
        ['data on a channel that was never opened', frameHeader(FrameType.Message, 7), 4],
        ['a fragment of nothing', frameHeader(FrameType.Fragment, 0), 4],
        ['a message longer than allowed', frameHeader(FrameType.MessageStart, 0), 4],
        ['a channel name that is no text', frameHeader(FrameType.ChannelOpen, 1), 4],
        ['an empty channel name', frameHeader(FrameType.ChannelOpen, 1), 0],
        ['a channel id out of turn', frameHeader(FrameType.ChannelOpen, 9), -1],
        ['credit that was never spent', frameHeader(FrameType.WindowUpdate, 0), 4],
        ['a refusal of a channel that was never opened', frameHeader(FrameType.ChannelRefuse, 3), 0],
      ] as const) {
        faultTest(what.includes('name') ? 'H14' : 'H13', `sends ${what}`, [addon], async () => {
          const raw = await scene.rawClient();
          const accepted = unwrap(await server.accept());
          accepted.setMessageCallback(() => undefined);
          const failed = reached(accepted, 'failed');
          accepted.startReceiving();
          const bytes = payload < 0 ? new TextEncoder().encode('name') : new Uint8Array(payload).fill(0xff);
          clientWriter(raw.region).tryWrite(header, bytes, 0, bytes.length);
          raw.socket.ring();
          expect(((await failed) as NetworkError).code).to.equal('InvalidMessage');
          await expectServing();
        });
      }

      faultTest('H13', 'sends more than its window while no consumer takes it', [addon], async () => {
        const raw = await scene.rawClient();
        const accepted = unwrap(await server.accept());
        const failed = reached(accepted, 'failed');
        accepted.startReceiving();
        const writer = clientWriter(raw.region);
        // The server copies the ring into its own memory: the frames of one window, and no more.
        const flood = setInterval(() => {
          while (writer.tryWrite(0, new Uint8Array(1000), 0, 1000));
          writer.checkUnblocked();
          raw.socket.ring();
        }, 1);
        scene.onClose(() => {
          clearInterval(flood);
        });
        expect(((await failed) as NetworkError).code).to.equal('InvalidMessage');
        clearInterval(flood);
        await expectServing();
      });

      faultTest('F1', 'leaves with much unread in both directions', [addon], async () => {
        const raw = await scene.rawClient();
        const accepted = unwrap(await server.accept());
        const failed = reached(accepted, 'failed');
        accepted.startReceiving();
        // A ring that the peer never reads turns its end into an error of the socket.
        Atomics.store(raw.region.words, sideLayout('client', raw.region.ringCapacity).sleep, SLEEPS_ON_DOORBELL);
        unwrap(accepted.trySend(Uint8Array.of(1)));
        // More than one read returns.
        let sent = 0;
        for (let count = 0; count < 4; count += 1) sent += raw.socket.send(new Uint8Array(65_536));
        expect(sent).to.be.greaterThan(2 * 65_536);
        raw.socket.close();
        expect(((await failed) as NetworkError).code).to.equal('PeerDied');
        await expectServing();
      });

      faultTest('F13', 'sends wake-ups without data, again and again', [addon], async ({ saw }) => {
        const raw = await scene.rawClient();
        const accepted = unwrap(await server.accept());
        accepted.startReceiving();
        const count = rounds(100_000, 1_000_000);
        for (let rings = 0; rings < count; rings += 1) raw.socket.ring();
        await expectServing();
        expect(accepted.getState()).to.equal('connected');
        saw(`${count} wakes; still connected, others served`);
      });
    });
  });
}
