import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { frameHeader, FrameType, type NetworkError, unwrap } from '@entropynet/core';
import type { SharedMemoryServer } from '@entropynet/transport-shm';
import { encodeRequest } from '@entropynet/transport-shm/internal/discovery/handshake-messages';
import { CONTROL_BLOCK_BYTES, sideLayout, SLEEPS_ON_DOORBELL } from '@entropynet/transport-shm/internal/region/layout';
import { clientWriter, nativeBinding, reached, Scene } from './shared-memory-support.js';

const LIMITS = { maxMessageSize: 1024, channelWindow: 65_536, maxChannels: 4 };

for (const access of ['direct', 'copied'] as const) {
  describe(`shared memory, ${access}, and a hostile peer`, () => {
    let scene: Scene;
    let server: SharedMemoryServer;

    beforeEach(async function () {
      // Before the skip: what comes after each test closes it in any case.
      scene = new Scene({ sharedMemory: { handshakeTimeoutMs: 300 } });
      if (nativeBinding() === undefined) this.skip();
      server = await scene.server({ sharedMemory: { ...scene.config.sharedMemory, access } });
    });

    afterEach(async () => {
      await scene.close();
    });

    /** A plain socket to the server's local socket. */
    async function stranger(): Promise<Socket> {
      const name = scene.names().find((file) => file.endsWith('.socket'));
      const socket = connect(join(scene.directory, name ?? ''));
      scene.onClose(() => socket.destroy());
      await once(socket, 'connect');
      return socket;
    }

    /** Shows that the server still serves: a message goes there and back. */
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
      it('turns away what is not a request, and goes on', async () => {
        const socket = await stranger();
        const ended = once(socket, 'close');
        socket.resume();
        socket.write(Buffer.alloc(64, 0x41));
        await ended;
        await expectServing();
      });

      it('turns away a client of another version by name', async () => {
        const socket = await stranger();
        const request = encodeRequest({ serverNonce: new Uint8Array(16), regionBytes: 65_536, limits: LIMITS });
        request[4] = 9;
        socket.write(request);
        const [reply] = (await once(socket, 'data')) as [Buffer];
        expect(reply.readUInt32LE(12)).to.equal(1);
        await expectServing();
      });

      it('turns away a client that was looking for the server before this one', async () => {
        const socket = await stranger();
        socket.write(encodeRequest({ serverNonce: new Uint8Array(16), regionBytes: 65_536, limits: LIMITS }));
        const [reply] = (await once(socket, 'data')) as [Buffer];
        expect(reply.readUInt32LE(12)).to.equal(3);
      });

      it('forgets clients that say nothing, half of it, or leave, while it serves others', async () => {
        const silent = await stranger();
        const ended = once(silent, 'close');
        silent.resume();
        (await stranger()).write(Buffer.alloc(10));
        (await stranger()).destroy();
        await expectServing();
        await ended;
      });

      it('serves in the midst of more half-open handshakes than it allows at once', async () => {
        const strangers = await Promise.all(Array.from({ length: 100 }, () => stranger()));
        await expectServing();
        for (const socket of strangers) socket.destroy();
        await expectServing();
      });
    });

    describe('inside the region', () => {
      const client = sideLayout('client', 0);

      /** Lets a raw client misbehave and returns the error with which its connection, and only that, fails. */
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

      it('fails only that connection for an impossible position', async () => {
        const error = await failureOf((words) => Atomics.store(words, client.tail, 0x7000_0000));
        expect(error.code).to.equal('SharedMemoryCorrupted');
      });

      for (const length of [0xffff_fffe, 0x7fff_ffff, 40_000, 100]) {
        it(`fails only that connection for a frame length of ${length}`, async () => {
          const error = await failureOf((words, ringStart) => {
            words[ringStart >> 2] = length;
            Atomics.store(words, client.tail, 16);
          });
          expect(error.code).to.equal('SharedMemoryCorrupted');
        });
      }

      it('goes on unharmed when line 0 of the control block is rewritten after the attach', async () => {
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
        it(`fails only that connection for ${what}`, async () => {
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

      it('fails a connection that sends more than its window while nobody takes it', async () => {
        const raw = await scene.rawClient();
        const accepted = unwrap(await server.accept());
        const failed = reached(accepted, 'failed');
        accepted.startReceiving();
        const writer = clientWriter(raw.region);
        // The server drains the ring into memory of its own, up to the window and not a frame further.
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

      it('sees the end of a peer that leaves with much unread in both directions', async () => {
        const raw = await scene.rawClient();
        const accepted = unwrap(await server.accept());
        const failed = reached(accepted, 'failed');
        accepted.startReceiving();
        // A ring that the peer never reads turns its end into an error of the socket.
        Atomics.store(raw.region.words, sideLayout('client', raw.region.ringCapacity).sleep, SLEEPS_ON_DOORBELL);
        unwrap(accepted.trySend(Uint8Array.of(1)));
        // More than is read at once.
        let sent = 0;
        for (let count = 0; count < 4; count += 1) sent += raw.socket.send(new Uint8Array(65_536));
        expect(sent).to.be.greaterThan(2 * 65_536);
        raw.socket.close();
        expect(((await failed) as NetworkError).code).to.equal('PeerDied');
        await expectServing();
      });

      it('ignores a storm of wakes without data', async () => {
        const raw = await scene.rawClient();
        const accepted = unwrap(await server.accept());
        accepted.startReceiving();
        for (let count = 0; count < 100_000; count += 1) raw.socket.ring();
        await expectServing();
        expect(accepted.getState()).to.equal('connected');
      });
    });
  });
}
