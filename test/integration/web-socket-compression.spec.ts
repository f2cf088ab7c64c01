import { once } from 'node:events';
import type { Socket } from 'node:net';
import { constants, deflateRawSync } from 'node:zlib';
import { messageOf, until } from '@entropynet/conformance/tools';
import { encodePeerLimits, NetworkError, unwrap } from '@entropynet/core';
import { WebSocketConnection, type WebSocketConnectionServer } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  closeOf,
  messageFrame,
  PEER_LIMITS,
  upgradeRequest,
  WebSocketFixtures,
  Witness,
} from '../support/web-socket/web-socket-fixtures.js';

const KIB = 1024;
const TEXT = 'a sentence that says the same again and again; '.repeat(4000);

/** First bytes of frames: whole and compressed; fragments of a compressed message. */
const COMPRESSED = 0xc2;
const FIRST = 0x42;
const NEXT = 0x00;
const LAST = 0x80;

describe('WebSocket: compression', () => {
  const fixtures = new WebSocketFixtures();

  afterEach(() => fixtures.dispose());

  /** A client made by hand that has greeted a server and agreed to compress. */
  async function handMade(server: WebSocketConnectionServer, extension = 'permessage-deflate'): Promise<Socket> {
    const address = server.address()!;
    const socket = await fixtures.tcp(address);
    const request = upgradeRequest(new URL(address).pathname);
    socket.write(request.replace('\r\n\r\n', `\r\nSec-WebSocket-Extensions: ${extension}\r\n\r\n`));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString('latin1')).to.match(/^HTTP\/1\.1 101 /);
    return socket;
  }

  async function greeted(server: WebSocketConnectionServer): Promise<{ socket: Socket; witness: Witness }> {
    const socket = await handMade(server);
    socket.write(frame(0x82, encodePeerLimits(PEER_LIMITS)));
    return { socket, witness: new Witness(await fixtures.accept(server)) };
  }

  describe('turned on at both ends', () => {
    it('compresses long messages in both directions, and counts their full length', async () => {
      const server = await fixtures.serve({ compression: {} });
      const client = fixtures.raw(server.address()!, { perMessageDeflate: true });
      await once(client, 'open');
      expect(client.extensions).to.equal('permessage-deflate');
      client.send(encodePeerLimits(PEER_LIMITS));
      const accepted = await fixtures.accept(server);
      const { texts } = readBy(client);
      unwrap(await accepted.send(Buffer.from(TEXT)));
      await until(() => texts.includes(TEXT), 'the client has the text');
      expect(socketOf(client).bytesRead).to.be.lessThan(TEXT.length / 20);

      const witness = new Witness(accepted);
      client.send(messageFrame(TEXT));
      await until(() => witness.messages.length === 1, 'the server has the text');
      expect(witness.texts).to.deep.equal([TEXT]);
      expect(socketOf(client).bytesWritten).to.be.lessThan(TEXT.length / 20);
      expect(accepted.getStats()).to.include({ bytesSent: TEXT.length, bytesReceived: TEXT.length });
    });

    it('keeps every message, its order and its bytes, compressible or not', async () => {
      const webSocket = { compression: { threshold: 100, level: 1 } };
      const server = await fixtures.serve(webSocket);
      const client = await fixtures.connect(server, { webSocket });
      const accepted = await fixtures.accept(server);
      const echo = new Witness(client);
      accepted.setMessageCallback((data) => void accepted.send(data));
      accepted.startReceiving();
      const lengths = [0, 1, 99, 100, 101, 5000, 70_000, 262_140, 262_144, 262_145, 1_000_000];
      const sent = lengths.flatMap((length, index) => [
        Buffer.from(messageOf(length, index)),
        Buffer.alloc(length, index),
        Buffer.from(TEXT.repeat(6)).subarray(0, length),
      ]);
      for (const message of sent) unwrap(await client.send(message));
      // All of it has come back, and with it the room for the next message.
      await until(() => echo.messages.length === sent.length, 'every message came back');
      const claim = unwrap(client.claim(200_000));
      claim.bytes.fill(5);
      unwrap(claim.commit());
      await until(() => echo.messages.length === sent.length + 1, 'the claim came back');
      const expected = [...sent, Buffer.alloc(200_000, 5)];
      expect(echo.messages.every((message, index) => expected[index]!.equals(message))).to.be.true;
      expect(accepted.getStats().bytesReceived).to.equal(client.getStats().bytesSent);
      expect(accepted.getStats().bytesSent).to.equal(client.getStats().bytesReceived);
    });

    it('keeps to the window that the client takes', async () => {
      const server = await fixtures.serve({ compression: {} });
      const client = fixtures.raw(server.address()!, { perMessageDeflate: { serverMaxWindowBits: 9 } });
      await once(client, 'open');
      client.send(encodePeerLimits(PEER_LIMITS));
      const accepted = await fixtures.accept(server);
      const { texts } = readBy(client);
      // What repeats lies further apart than 512 bytes.
      const text = Buffer.from(messageOf(20_000, 3)).toString('hex').repeat(3);
      unwrap(await accepted.send(Buffer.from(text)));
      await until(() => texts.length > 0, 'the client has the text');
      expect(texts[0]).to.equal(text);
    });

    it('keeps to the window that the server takes', async () => {
      const server = new WebSocketServer({
        host: '127.0.0.1',
        port: 0,
        perMessageDeflate: { clientMaxWindowBits: 9, serverNoContextTakeover: true, clientNoContextTakeover: true },
        handleProtocols: () => 'entropynet.v1',
      });
      fixtures.defer(() => {
        for (const each of server.clients) each.terminate();
        server.close();
      });
      await once(server, 'listening');
      const texts: string[] = [];
      server.on('connection', (socket) => {
        socket.send(encodePeerLimits(PEER_LIMITS));
        readBy(socket, texts);
      });
      const { port } = server.address() as { port: number };
      const client = fixtures.client(`ws://127.0.0.1:${port}`, { webSocket: { compression: {} } });
      unwrap(await client.connect());
      const text = Buffer.from(messageOf(20_000, 3)).toString('hex').repeat(3);
      unwrap(await client.send(Buffer.from(text)));
      await until(() => texts.length > 0, 'the server has the text');
      expect(texts[0]).to.equal(text);
    });

    it('takes a message in compressed fragments in its turn, with pings between them', async () => {
      const { socket, witness } = await greeted(await fixtures.serve({ compression: {} }));
      const compressed = deflate(messageFrame(TEXT));
      const third = Math.floor(compressed.length / 3);
      const bytes = Buffer.concat([
        frame(0x82, messageFrame('first')),
        frame(FIRST, compressed.subarray(0, third)),
        frame(0x89, Buffer.from('ping')),
        frame(NEXT, Buffer.alloc(0)),
        frame(NEXT, compressed.subarray(third, 2 * third)),
        frame(LAST, compressed.subarray(2 * third)),
        frame(0x82, messageFrame('third')),
        frame(COMPRESSED, deflate(messageFrame('fourth'))),
        frame(0x02, messageFrame('fif')),
        frame(0x80, Buffer.from('th')),
      ]);
      const expected = ['first', TEXT, 'third', 'fourth', 'fifth'];
      socket.write(bytes);
      await until(() => witness.messages.length === 5, 'five messages arrived');
      // And however TCP cuts it.
      for (let at = 0; at < bytes.length; at += 7) {
        socket.write(bytes.subarray(at, at + 7));
        if (at % 70 === 0) await new Promise(setImmediate);
      }
      await until(() => witness.messages.length === 10, 'five messages arrived again');
      expect(witness.texts).to.deep.equal([...expected, ...expected]);
    });
  });

  describe('turned on at one end', () => {
    for (const [wish, serverWish, clientWish] of [
      ['the server alone', { compression: {} }, {}],
      ['the client alone', {}, { compression: {} }],
    ] as const) {
      it(`does not happen: ${wish}`, async () => {
        const server = await fixtures.serve(serverWish);
        const client = await fixtures.connect(server, { webSocket: clientWish });
        const witness = new Witness(await fixtures.accept(server));
        unwrap(await client.send(Buffer.from(TEXT)));
        await until(() => witness.messages.length === 1, 'the message arrived');
        expect(witness.texts).to.deep.equal([TEXT]);
      });
    }

    it('is refused by a server without it, where a compressed message ends the connection', async () => {
      const { socket, witness } = await greeted(await fixtures.serve());
      socket.write(frame(COMPRESSED, deflate(messageFrame('no'))));
      await witness.ended();
      expect(witness.error?.code).to.equal('InvalidMessage');
      expect(witness.messages).to.deep.equal([]);
    });
  });

  describe('of a hostile peer', () => {
    const bomb = deflate(Buffer.alloc(20 * 1024 * KIB));

    it('ends only the connection of a bomb, which is not inflated beyond the longest frame', async () => {
      const server = await fixtures.serve({ compression: {} });
      const other = await fixtures.connect(server, { webSocket: { compression: {} } });
      const otherWitness = new Witness(await fixtures.accept(server));
      const { socket, witness } = await greeted(server);
      const before = process.memoryUsage().arrayBuffers;
      socket.write(frame(COMPRESSED, bomb));
      await witness.ended();
      expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(4 * 1024 * KIB);
      expect(witness.error?.code).to.equal('InvalidMessage');
      expect(witness.error?.message).to.equal(
        `the peer sent ${bomb.length} compressed bytes that inflate to more than 262148: a message may not be longer`,
      );
      unwrap(await other.send(Uint8Array.of(1)));
      await until(() => otherWitness.messages.length === 1, 'the other connection goes on');
    });

    it('ends the connection of a message that grows by more than the ratio, and reports it to the peer', async () => {
      const server = await fixtures.serve({ compression: { maxRatio: 10 } });
      const client = fixtures.raw(server.address()!, { perMessageDeflate: true });
      await once(client, 'open');
      client.send(encodePeerLimits(PEER_LIMITS));
      const witness = new Witness(await fixtures.accept(server));
      const closed = closeOf(client);
      client.send(messageFrame('x'.repeat(20_000)));
      await witness.ended();
      expect(witness.error?.message).to.match(/inflate to more than \d+: webSocket\.compression\.maxRatio is 10$/);
      const { code, reason } = await closed;
      expect(code).to.equal(1009);
      expect(reason).to.match(/compressed bytes that inflate to more than/);
    });

    it('does not affect own messages: beyond the ratio, a message is sent uncompressed', async () => {
      const webSocket = { compression: { maxRatio: 10 } };
      const server = await fixtures.serve(webSocket);
      const client = await fixtures.connect(server, { webSocket });
      const witness = new Witness(await fixtures.accept(server));
      unwrap(await client.send(new Uint8Array(200_000)));
      await until(() => witness.messages.length === 1, 'the message arrived');
      expect(witness.messages[0]!.length).to.equal(200_000);
    });

    it('is not inflated before the greeting', async () => {
      const server = await fixtures.serve({ compression: {} });
      const socket = await handMade(server);
      socket.write(frame(COMPRESSED, deflate(Buffer.alloc(100 * KIB))));
      await once(socket, 'close');
      const large = await handMade(server);
      large.write(frame(FIRST, Buffer.alloc(900)));
      large.write(frame(NEXT, Buffer.alloc(900)));
      await once(large, 'close');
      await fixtures.connect(server);
      await fixtures.accept(server);
    });

    it('ends the connection for an invalid compressed message', async () => {
      const server = await fixtures.serve({ compression: {} });
      const small = deflate(messageFrame('x'));
      const cases: Readonly<Record<string, readonly Buffer[]>> = {
        'no deflate': [frame(COMPRESSED, Buffer.from('ffffffffffffff', 'hex'))],
        'a fragment that is compressed by itself': [frame(FIRST, small), frame(0x40, small)],
        'a last fragment that is': [frame(FIRST, small), frame(0xc0, small)],
        'a whole message between fragments': [frame(FIRST, small), frame(0x82, messageFrame('y'))],
        'another beginning between fragments': [frame(FIRST, small), frame(FIRST, small)],
        'a fragment without a beginning': [frame(LAST, small)],
        'a compressed ping': [frame(0xc9, Buffer.from('ping'))],
        'a compressed text': [frame(0xc1, deflate(Buffer.from('text')))],
        'too many fragments': [
          frame(FIRST, small),
          ...Array.from({ length: 1030 }, () => frame(NEXT, Buffer.alloc(0))),
        ],
        'fragments that are too long together': [
          frame(FIRST, Buffer.alloc(200 * KIB)),
          frame(NEXT, Buffer.alloc(200 * KIB)),
        ],
      };
      for (const [what, bytes] of Object.entries(cases)) {
        const { socket, witness } = await greeted(server);
        socket.write(Buffer.concat(bytes));
        await witness.ended();
        expect(witness.error?.code, what).to.equal('InvalidMessage');
        expect(witness.messages, what).to.deep.equal([]);
      }
    });
  });

  it('is checked like the rest of a configuration', () => {
    const messageFor = (compression: unknown): string => {
      try {
        new WebSocketConnection({ endpoint: 'ws://127.0.0.1:1', webSocket: { compression: compression as false } });
        return 'taken';
      } catch (error) {
        return error instanceof NetworkError ? `${error.code}: ${error.message}` : String(error);
      }
    };
    expect(messageFor(false)).to.equal('taken');
    expect(messageFor({})).to.equal('taken');
    expect(messageFor(true)).to.match(
      /^InvalidParameter: .*'webSocket\.compression' was given true; false or an object/,
    );
    expect(messageFor({ treshold: 5 })).to.match(
      /unknown key 'webSocket\.compression\.treshold' .*threshold, level, maxRatio/,
    );
    expect(messageFor({ maxRatio: 0 })).to.match(
      /'webSocket\.compression\.maxRatio' was given 0; a whole number from 1 to/,
    );
  });
});

/** A frame of a client, masked with zero. */
function frame(first: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const head =
    length < 126
      ? Buffer.of(first, 0x80 | length)
      : length < 65_536
        ? Buffer.of(first, 0x80 | 126, length >>> 8, length & 0xff)
        : Buffer.of(
            first,
            0x80 | 127,
            0,
            0,
            0,
            0,
            (length >>> 24) & 0xff,
            (length >>> 16) & 0xff,
            (length >>> 8) & 0xff,
            length & 0xff,
          );
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}

/** As RFC 7692 has it. */
function deflate(message: Uint8Array): Buffer {
  return deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

/** The messages of the default channel that a peer of `ws` alone gets whole, as text. */
function readBy(webSocket: WebSocket, texts: string[] = []): { readonly texts: string[] } {
  webSocket.on('message', (data: Buffer) => {
    if (data.readUInt32LE(0) === 0) texts.push(data.subarray(4).toString());
  });
  return { texts };
}

function socketOf(webSocket: WebSocket): Socket {
  return (webSocket as unknown as { readonly _socket: Socket })._socket;
}
