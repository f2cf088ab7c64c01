import { once } from 'node:events';
import type { Socket } from 'node:net';
import { messageOf, until } from '@entropynet/conformance/tools';
import { encodePeerLimits, NetworkError, unwrap } from '@entropynet/core';
import { WebSocketConnection } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { type WebSocket, WebSocketServer } from 'ws';
import { messageFrame, PEER_LIMITS, WebSocketFixtures, Witness } from '../support/web-socket/web-socket-fixtures.js';
import { COMPRESSED, deflate, FIRST, frame, greeted, LAST, NEXT } from '../support/web-socket/compressed-frames.js';

const TEXT = 'a sentence that says the same again and again; '.repeat(4000);

describe('WebSocket: compression', () => {
  const fixtures = new WebSocketFixtures();

  afterEach(() => fixtures.dispose());

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
      // Everything has come back, so there is room for the next message.
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
      // The repeated parts are more than 512 bytes apart.
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
      const { socket, witness } = await greeted(fixtures, await fixtures.serve({ compression: {} }));
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
      // TCP may cut the stream anywhere.
      for (let at = 0; at < bytes.length; at += 7) {
        socket.write(bytes.subarray(at, at + 7));
        if (at % 70 === 0) await new Promise(setImmediate);
      }
      await until(() => witness.messages.length === 10, 'five messages arrived again');
      expect(witness.texts).to.deep.equal([...expected, ...expected]);
    });
  });

  for (const parameter of ['server_no_context_takeover', 'client_no_context_takeover']) {
    it(`is refused by a client if the server agrees to it without ${parameter}`, async () => {
      const server = new WebSocketServer({
        host: '127.0.0.1',
        port: 0,
        perMessageDeflate: true,
        handleProtocols: () => 'entropynet.v1',
      });
      fixtures.defer(() => {
        for (const each of server.clients) each.terminate();
        server.close();
      });
      await once(server, 'listening');
      server.on('headers', (lines) => {
        const at = lines.findIndex((line) => line.startsWith('Sec-WebSocket-Extensions: '));
        lines[at] = lines[at]!.replace(`; ${parameter}`, '');
      });
      const messages: Buffer[] = [];
      server.on('connection', (socket) => {
        socket.on('message', (message: Buffer) => messages.push(message));
        socket.send(encodePeerLimits(PEER_LIMITS));
      });
      const { port } = server.address() as { port: number };
      const client = fixtures.client(`ws://127.0.0.1:${port}`, { webSocket: { compression: {} } });
      const connected = await client.connect();
      expect(connected.ok ? 'connected' : connected.error.code).to.equal('HandshakeFailed');
      expect(connected.ok ? '' : connected.error.message).to.include(`without ${parameter}`);
      expect(messages).to.deep.equal([]);
    });
  }

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

    it('is refused by a server without it, and a compressed message ends the connection', async () => {
      const { socket, witness } = await greeted(fixtures, await fixtures.serve());
      socket.write(frame(COMPRESSED, deflate(messageFrame('no'))));
      await witness.ended();
      expect(witness.error?.code).to.equal('InvalidMessage');
      expect(witness.messages).to.deep.equal([]);
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

/** The whole messages of the default channel that a plain peer of `ws` gets, as text. */
function readBy(webSocket: WebSocket, texts: string[] = []): { readonly texts: string[] } {
  webSocket.on('message', (data: Buffer) => {
    if (data.readUInt32LE(0) === 0) texts.push(data.subarray(4).toString());
  });
  return { texts };
}

function socketOf(webSocket: WebSocket): Socket {
  return (webSocket as unknown as { readonly _socket: Socket })._socket;
}
