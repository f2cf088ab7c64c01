import { once } from 'node:events';
import type { Socket } from 'node:net';
import { until } from '@entropynet/conformance/tools';
import { encodePeerLimits } from '@entropynet/core';
import { MAX_FRAME_BYTES, WebSocketTransport } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { WebSocketServer } from 'ws';
import { rawFrame } from '../support/web-socket/raw-web-socket.js';
import {
  clientMessage,
  closeOf,
  messageFrame,
  PEER_LIMITS,
  upgradeRequest,
  WebSocketFixtures,
  Witness,
} from '../support/web-socket/web-socket-fixtures.js';

describe('WebSocket: frames and the protocol', () => {
  const fixtures = new WebSocketFixtures();

  afterEach(() => fixtures.dispose());

  describe('delivery', () => {
    it('carries messages of every size in both directions, in order', async () => {
      const server = await fixtures.serve();
      const client = new Witness(await fixtures.connect(server));
      const accepted = new Witness(await fixtures.accept(server));
      const sizes = [0, 1, 4, 125, 126, 65_531, 65_532, MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1, 3_000_000];
      const messages = sizes.map((size, index) => new Uint8Array(size).fill(index + 1));
      for (const message of messages) {
        expect((await client.connection.send(message)).ok).to.equal(true);
        expect((await accepted.connection.send(message)).ok).to.equal(true);
      }
      for (const witness of [client, accepted]) {
        await until(() => witness.messages.length === messages.length, 'all messages arrived');
        witness.messages.forEach((message, index) => {
          expect(Buffer.compare(message, messages[index]!), `message ${index}`).to.equal(0);
        });
      }
    });

    it('neither changes nor keeps the bytes of the caller', async () => {
      const server = await fixtures.serve();
      const client = await fixtures.connect(server);
      const accepted = new Witness(await fixtures.accept(server));
      const bytes = new Uint8Array(1000).fill(7);
      for (let value = 0; value < 50; value += 1) {
        bytes.fill(value);
        expect(client.trySend(bytes).ok).to.equal(true);
        expect(bytes.every((byte) => byte === value)).to.equal(true);
      }
      await until(() => accepted.messages.length === 50, 'all messages arrived');
      accepted.messages.forEach((message, value) => {
        expect(message.every((byte) => byte === value)).to.equal(true);
      });
    });

    it('sends the bytes of a claim', async () => {
      const server = await fixtures.serve();
      const client = await fixtures.connect(server);
      const accepted = new Witness(await fixtures.accept(server));
      for (const text of ['one', '', 'three']) {
        const claim = client.claim(text.length);
        expect(claim.ok).to.equal(true);
        if (!claim.ok) return;
        new TextEncoder().encodeInto(text, claim.value.bytes);
        expect(claim.value.commit().ok).to.equal(true);
      }
      await until(() => accepted.messages.length === 3, 'all messages arrived');
      expect(accepted.texts).to.deep.equal(['one', '', 'three']);
    });

    it('keeps messages that arrive together with the upgrade and the greeting, in order', async () => {
      const server = await fixtures.serve();
      const socket = await fixtures.tcp(server.address() ?? '');
      const frames = ['a', 'b', 'c'].map((text) => clientMessage(messageFrame(text)));
      socket.write(
        Buffer.concat([Buffer.from(upgradeRequest('/test')), clientMessage(encodePeerLimits(PEER_LIMITS)), ...frames]),
      );
      const connection = await fixtures.accept(server);
      socket.write(clientMessage(messageFrame('d')));
      const accepted = new Witness(connection);
      await until(() => accepted.messages.length === 4, 'all messages arrived');
      expect(accepted.texts).to.deep.equal(['a', 'b', 'c', 'd']);
      socket.destroy();
      await accepted.ended();
    });

    it('keeps messages, and the end, until a consumer receives', async () => {
      const server = await fixtures.serve();
      const client = await fixtures.connect(server);
      const connection = await fixtures.accept(server);
      for (let index = 0; index < 100; index += 1) expect(client.trySend(Buffer.from(`${index}`)).ok).to.equal(true);
      const left = client.disconnect();
      const accepted = new Witness(connection);
      await left;
      await accepted.ended();
      expect(accepted.texts).to.deep.equal(Array.from({ length: 100 }, (_, index) => `${index}`));
      expect(accepted.states).to.deep.equal(['disconnecting', 'disconnected']);
    });

    it('delivers every accepted message before the goodbye', async () => {
      const server = await fixtures.serve();
      const client = await fixtures.connect(server);
      const accepted = new Witness(await fixtures.accept(server));
      const message = new Uint8Array(100_000);
      let sent = 0;
      while (client.trySend(message).ok) sent += 1;
      await client.disconnect();
      await accepted.ended();
      expect(sent).to.be.greaterThan(0);
      expect(accepted.messages).to.have.lengthOf(sent);
      expect(accepted.states.at(-1)).to.equal('disconnected');
    });

    it('refuses to buffer more than the limit for a peer that does not read, and continues when it reads', async () => {
      const server = await fixtures.serve({ maxBufferedBytes: 65_536 });
      const socket = await fixtures.tcp(server.address() ?? '');
      const limits = { ...PEER_LIMITS, channelWindow: 2 ** 30 };
      socket.write(Buffer.concat([Buffer.from(upgradeRequest('/test')), clientMessage(encodePeerLimits(limits))]));
      socket.pause();
      const connection = await fixtures.accept(server);
      connection.startReceiving();
      let isDrained = false;
      connection.on('drain', () => (isDrained = true));
      const message = new Uint8Array(16_384);
      let sent = 0;
      // The kernel takes a few megabytes during the turns of the event loop.
      for (let refusals = 0; refusals < 50; refusals += 1) {
        while (connection.trySend(message).ok) sent += 1;
        await new Promise((resolve) => setImmediate(resolve));
      }
      const last = connection.trySend(message);
      expect(last.ok ? 'ok' : last.error.code).to.equal('WouldBlock');
      expect(sent * message.length).to.be.lessThan(64 * 1024 * 1024);
      isDrained = false;
      socket.resume();
      await until(() => isDrained, 'there is room again');
      expect(connection.trySend(message).ok).to.equal(true);
      socket.destroy();
      await until(() => connection.getState() === 'failed', 'the end is seen');
    });
  });

  describe('a peer that breaks the protocol', () => {
    const violations = [
      { what: 'a text message', message: 'text', code: 1003 },
      { what: 'a message that is too short for a header', message: Buffer.alloc(3), code: 1002 },
      { what: 'a message beyond the frame limit', message: Buffer.alloc(MAX_FRAME_BYTES + 5), code: 1009 },
      { what: 'a frame of an unknown type', message: Buffer.from([99, 0, 0, 0]), code: 1002 },
    ];
    /** A connection that keeps the protocol and a peer that will break it, at one server. */
    const goodAndBad = async () => {
      const server = await fixtures.serve();
      const good = await fixtures.connect(server);
      const goodSide = new Witness(await fixtures.accept(server));
      const bad = await fixtures.rawPeer(server.address() ?? '');
      const badSide = new Witness(await fixtures.accept(server));
      return { good, goodSide, bad, badSide, closed: closeOf(bad) };
    };

    for (const { what, message, code } of violations) {
      it(`ends only that connection for ${what}`, async () => {
        const { good, goodSide, bad, badSide, closed } = await goodAndBad();
        bad.send(message);
        await badSide.ended();
        expect(badSide.states).to.deep.equal(['failed']);
        expect(badSide.error?.code).to.equal('InvalidMessage');
        expect((await closed).code).to.equal(code);
        expect((await good.send(Buffer.from('still here'))).ok).to.equal(true);
        await until(() => goodSide.messages.length === 1, 'the other connection goes on');
        expect(goodSide.states).to.deep.equal([]);
      });
    }

    it('ends only that connection for a message in the middle of another one', async () => {
      const { good, goodSide, bad, badSide, closed } = await goodAndBad();
      bad.send(messageFrame('the first part'), { fin: false });
      const { _socket: socket } = bad as unknown as { readonly _socket: Socket };
      socket.write(rawFrame({ opcode: 2, payload: messageFrame('a whole message') }));
      await badSide.ended();
      expect(badSide.error?.code).to.equal('InvalidMessage');
      expect(badSide.messages).to.deep.equal([]);
      expect(await closed).to.deep.include({
        code: 1002,
        reason: 'the peer sent a frame that may not stand inside a message',
      });
      expect((await good.send(Buffer.from('still here'))).ok).to.equal(true);
      await until(() => goodSide.messages.length === 1, 'the other connection goes on');
      expect(goodSide.states).to.deep.equal([]);
    });

    it('takes a message of exactly the frame limit', async () => {
      const server = await fixtures.serve();
      const peer = await fixtures.rawPeer(server.address() ?? '');
      const accepted = new Witness(await fixtures.accept(server));
      peer.send(Buffer.alloc(MAX_FRAME_BYTES + 4));
      await until(() => accepted.messages.length === 1, 'the message arrived');
      expect(accepted.messages[0]).to.have.lengthOf(MAX_FRAME_BYTES);
    });

    it('ends with the reason of every close code', async () => {
      const expected = { 1000: undefined, 1001: undefined, 1009: 'MessageTooLarge', 1011: 'ConnectionClosed' };
      const server = await fixtures.serve();
      for (const [code, name] of Object.entries(expected)) {
        const peer = await fixtures.rawPeer(server.address() ?? '');
        const accepted = new Witness(await fixtures.accept(server));
        peer.close(Number(code), 'because');
        await accepted.ended();
        expect(accepted.states.at(-1)).to.equal(name === undefined ? 'disconnected' : 'failed');
        expect(accepted.error?.code).to.equal(name);
        if (name !== undefined) expect(accepted.error?.message).to.contain('because');
      }
    });
  });

  describe('the greeting', () => {
    it('has a time limit', async () => {
      const server = await fixtures.serve({ handshakeTimeoutMs: 50 });
      const closed = await closeOf(fixtures.raw(server.address() ?? ''));
      expect(closed.code).to.equal(1008);
      expect(closed.reason).to.contain('50 ms');
    });

    it('must be valid: a client with another one is refused and the server continues', async () => {
      const server = await fixtures.serve();
      const peer = fixtures.raw(server.address() ?? '');
      await once(peer, 'open');
      peer.send(Buffer.from('hello'));
      expect((await closeOf(peer)).code).to.equal(1002);
      await fixtures.connect(server);
      expect((await fixtures.accept(server)).isConnected()).to.equal(true);
    });

    const otherVersion = Buffer.from(encodePeerLimits(PEER_LIMITS));
    otherVersion.writeUInt32LE(77, 4);
    const greetings = [
      { what: 'in another version', greeting: otherVersion, code: 'IncompatibleVersion' },
      { what: 'of another protocol', greeting: Buffer.alloc(24, 9), code: 'HandshakeFailed' },
      { what: 'of another length', greeting: Buffer.alloc(5), code: 'HandshakeFailed' },
    ];
    for (const { what, greeting, code } of greetings) {
      it(`of a server ${what} fails the client with ${code}`, async () => {
        const other = new WebSocketServer({ port: 0, host: '127.0.0.1' });
        fixtures.defer(() => {
          other.close();
        });
        other.on('connection', (webSocket) => {
          webSocket.send(greeting);
        });
        await once(other, 'listening');
        const client = fixtures.client(`ws://127.0.0.1:${(other.address() as { port: number }).port}`);
        const result = await client.connect();
        expect(result.ok ? 'ok' : result.error.code).to.equal(code);
        expect(client.getState()).to.equal('failed');
      });
    }

    it('comes after an agreed subprotocol: a server without it is refused', async () => {
      const other = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => false });
      fixtures.defer(() => {
        other.close();
      });
      await once(other, 'listening');
      const client = fixtures.client(`ws://127.0.0.1:${(other.address() as { port: number }).port}`);
      const result = await client.connect();
      expect(result.ok ? 'ok' : result.error.code).to.equal('HandshakeFailed');
    });
  });

  it('has the same frozen capabilities in every instance', () => {
    const { capabilities } = new WebSocketTransport();
    expect(Object.isFrozen(capabilities)).to.equal(true);
    expect(new WebSocketTransport().capabilities).to.deep.equal(capabilities);
  });
});
