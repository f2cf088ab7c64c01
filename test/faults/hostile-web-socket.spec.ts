import { expect } from 'chai';
import { createServer, type Socket } from 'node:net';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { messageOf, type Scope, turns, until } from '@entropynet/conformance/tools';
import { type NetworkConnection, unwrap } from '@entropynet/core';
import { WebSocketTransport } from '@entropynet/transport-ws';
import { describeFaults, faultTest, rounds } from './support/fault-test.js';
import { ended, expectServing } from './support/processes.js';
import { webSocketFixture } from '../support/web-socket-fixture.js';
import { GREETING, RawClient, rawFrame, type RawFrame } from '../support/web-socket/raw-web-socket.js';

interface Served {
  readonly port: number;
  /** The next connection that the server accepts. */
  accept(): Promise<NetworkConnection>;
  /** Shows that others are served. */
  expectServing(): Promise<void>;
}

async function serve(scope: Scope, webSocket: object = {}): Promise<Served> {
  const config = {
    endpoint: 'ws://127.0.0.1:0',
    sendTimeoutMs: 300,
    webSocket: { handshakeTimeoutMs: 300, ...webSocket },
  };
  const server = scope.add(new WebSocketTransport().createServer(config));
  unwrap(await server.listen());
  const endpoint = server.address()!;
  return {
    port: Number(new URL(endpoint).port),
    accept: async () => scope.add(unwrap(await server.accept())),
    expectServing: () => expectServing(scope, webSocketFixture, { endpoint }, () => server.accept()),
  };
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const binary = (length: number): Uint8Array => new Uint8Array(length);

/** What breaks WebSocket itself, after the case list of Autobahn; each must end that connection and no other. */
const BROKEN: Readonly<Record<string, readonly RawFrame[] | (() => readonly RawFrame[])>> = {
  'a message of 2^62 bytes (announced)': [{ opcode: 2, claimedLength: 1n << 62n }],
  'a message of 2^63 bytes (announced)': [{ opcode: 2, claimedLength: 1n << 63n }],
  'a message that is one byte too long': [{ opcode: 2, payload: binary(256 * 1024 + 5) }],
  'a message that is too long in pieces': () => [
    { opcode: 2, payload: binary(200_000), isFinal: false },
    { opcode: 0, payload: binary(200_000) },
  ],
  'more pieces than a message may have': () => [
    { opcode: 2, payload: binary(1), isFinal: false },
    ...Array.from({ length: 2000 }, () => ({ opcode: 0, payload: binary(1), isFinal: false })),
  ],
  'a piece of nothing': [{ opcode: 0, payload: binary(4) }],
  'a message inside a message': [
    { opcode: 2, payload: binary(4), isFinal: false },
    { opcode: 2, payload: binary(4) },
  ],
  'a frame without a mask': [{ opcode: 2, payload: binary(8), isMasked: false }],
  'a text': [{ opcode: 1, payload: text('hello') }],
  'a text that is no UTF-8': [{ opcode: 1, payload: Uint8Array.of(0xc0, 0x80, 0xff) }],
  'a compressed frame, though nothing was agreed': [{ opcode: 2, payload: binary(8), reserved: 4 }],
  'reserved bit 2': [{ opcode: 2, payload: binary(8), reserved: 2 }],
  'reserved bit 3': [{ opcode: 2, payload: binary(8), reserved: 1 }],
  'the reserved opcode 3': [{ opcode: 3 }],
  'the reserved opcode 7': [{ opcode: 7, payload: binary(8) }],
  'the reserved control opcode 11': [{ opcode: 11 }],
  'the reserved control opcode 15': [{ opcode: 15 }],
  'a ping of 126 bytes': [{ opcode: 9, payload: binary(126) }],
  'a ping in pieces': [{ opcode: 9, payload: binary(4), isFinal: false }],
  'a goodbye of one byte': [{ opcode: 8, payload: binary(1) }],
  'a goodbye with the code 999': [{ opcode: 8, payload: Uint8Array.of(0x03, 0xe7) }],
  'a goodbye with the code 1005': [{ opcode: 8, payload: Uint8Array.of(0x03, 0xed) }],
  'a goodbye whose reason is no UTF-8': [{ opcode: 8, payload: Uint8Array.of(0x03, 0xe8, 0xff, 0xfe) }],
  'a frame of 3 bytes': [{ opcode: 2, payload: binary(3) }],
  'a frame of an unknown type': [{ opcode: 2, payload: Uint8Array.of(200, 0, 0, 0) }],
  'an empty message': [{ opcode: 2 }],
};

/** Requests that must not become a connection, and the status with which they are answered; 0: closed without one. */
const REFUSED: readonly [string, (client: RawClient) => void, readonly number[]][] = [
  ['a page of another origin', (client) => client.upgrade({ Origin: 'https://evil.example' }), [403]],
  ['a page without a name', (client) => client.upgrade({ Origin: 'null' }), [403]],
  ['no subprotocol', (client) => client.upgrade({ 'Sec-WebSocket-Protocol': undefined }), [400]],
  ['another subprotocol', (client) => client.upgrade({ 'Sec-WebSocket-Protocol': 'mqtt' }), [400]],
  ['no key', (client) => client.upgrade({ 'Sec-WebSocket-Key': undefined }), [400]],
  ['a key that is none', (client) => client.upgrade({ 'Sec-WebSocket-Key': 'short' }), [400]],
  ['version 12', (client) => client.upgrade({ 'Sec-WebSocket-Version': '12' }), [400, 426]],
  ['another path', (client) => client.upgrade({}, 'GET /elsewhere HTTP/1.1'), [404]],
  ['POST', (client) => client.upgrade({}, 'POST / HTTP/1.1'), [400, 405]],
  ['no upgrade', (client) => client.upgrade({ Upgrade: undefined, Connection: 'close' }), [426]],
  ['a header of 100 kB', (client) => client.upgrade({ 'X-Long': 'x'.repeat(100_000) }), [431, 0]],
  [
    'three thousand headers',
    (client) => client.upgrade(Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`X-${index}`, 'y']))),
    [431, 0],
  ],
  ['an address of 100 kB', (client) => client.upgrade({}, `GET /${'a'.repeat(100_000)} HTTP/1.1`), [431, 414, 0]],
  ['no HTTP', (client) => client.write(Buffer.alloc(4000, 0x16)), [400, 0]],
  ['a header with a zero byte', (client) => client.upgrade({ 'X-Zero': 'a\0b' }), [400, 0]],
  [
    'two lengths',
    (client) => client.upgrade({ 'Content-Length': '5', 'Transfer-Encoding': 'chunked' }, 'POST / HTTP/1.1'),
    [400, 426, 405, 0],
  ],
];

describeFaults('a hostile WebSocket', () => {
  for (const [what, frames] of Object.entries(BROKEN)) {
    faultTest('H18', `a client sends ${what}`, [], async ({ scope, saw }) => {
      const served = await serve(scope);
      const client = new RawClient(scope, served.port);
      await client.open();
      const connection = await served.accept();
      const over = ended(connection);
      connection.setMessageCallback(() => undefined);
      connection.startReceiving();
      for (const frame of typeof frames === 'function' ? frames() : frames) client.write(rawFrame(frame));
      const end = await over;
      expect(end.state).to.equal('failed');
      expect(end.code).to.be.oneOf(['InvalidMessage', 'MessageTooLarge', 'PeerDied']);
      client.socket.end();
      await client.closed();
      await served.expectServing();
      saw(`${end.code}; others served`);
    });
  }

  for (const [what, ask, statuses] of REFUSED) {
    faultTest('H18', `a request with ${what}`, [], async ({ scope, saw }) => {
      const served = await serve(scope);
      const client = new RawClient(scope, served.port);
      ask(client);
      const status = await client.status();
      expect(status).to.be.oneOf([...statuses]);
      client.socket.end();
      await client.closed();
      await served.expectServing();
      saw(status === 0 ? 'closed without an answer' : `HTTP ${status}`);
    });
  }

  faultTest('H18', 'a request without an Origin, as from programs', [], async ({ scope }) => {
    const served = await serve(scope);
    const client = new RawClient(scope, served.port);
    await client.open();
    expect((await served.accept()).isConnected()).to.equal(true);
  });

  faultTest('H18', 'a client offers compression, to send a bomb', [], async ({ scope, saw }) => {
    const served = await serve(scope);
    const client = new RawClient(scope, served.port);
    client.upgrade({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' });
    expect(await client.status()).to.equal(101);
    await until(() => client.received.includes('\r\n\r\n'), 'the answer is complete');
    expect(client.received.toString('latin1').toLowerCase()).to.not.include('sec-websocket-extensions');
    saw('agreed to nothing; a compressed frame ends the connection');
  });

  const SLOW: Readonly<Record<string, (client: RawClient) => void>> = {
    'says nothing': () => undefined,
    'sends a header a byte at a time': (client) => {
      drip(client, 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ');
    },
    'upgrades and does not greet': (client) => client.upgrade(),
    'greets by half': (client) => {
      client.upgrade();
      client.write(rawFrame({ opcode: 2, payload: GREETING }).subarray(0, 12));
    },
    'greets in another protocol': (client) => {
      client.upgrade();
      client.write(rawFrame({ opcode: 2, payload: text('hello, world, how are you') }));
    },
  };
  for (const [what, behave] of Object.entries(SLOW)) {
    faultTest('H18', `a client ${what}`, [], async ({ scope, saw }) => {
      const served = await serve(scope);
      const client = new RawClient(scope, served.port);
      behave(client);
      await served.expectServing();
      await until(() => client.isClosed, 'the server has closed the connection');
      saw('closed after the time limit; others served meanwhile');
    });
  }

  faultTest('H11', 'many clients open TCP connections and finish no handshake', [], async ({ scope, saw }) => {
    const served = await serve(scope, { maxConnections: 50 });
    const count = rounds(100, 2000);
    const clients: RawClient[] = [];
    for (let index = 0; index < count; index += 1) {
      const client = new RawClient(scope, served.port);
      // One for which the kernel's queue had no room exists on this side alone, until something is sent on it.
      client.write(text('G'));
      clients.push(client);
      if (index % 50 === 0) await turns(2);
    }
    await until(() => clients.every(({ isClosed }) => isClosed), 'every one was closed');
    await served.expectServing();
    saw(`${count} TCP connections closed after the time limit`);
  });

  for (const [what, frame] of [
    ['pings', rawFrame({ opcode: 9, payload: binary(100) })],
    ['pongs that nobody asked for', rawFrame({ opcode: 10, payload: binary(100) })],
    ['empty messages of the protocol', rawFrame({ opcode: 2, payload: binary(4) })],
  ] as const) {
    faultTest(['H13', 'H18'], `a flood of ${what}`, [], async ({ scope, saw }) => {
      const served = await serve(scope);
      const client = new RawClient(scope, served.port);
      await client.open();
      const connection = await served.accept();
      connection.setMessageCallback(() => undefined);
      connection.startReceiving();
      let ticks = 0;
      const timer = setInterval(() => (ticks += 1), 1);
      scope.defer(() => {
        clearInterval(timer);
      });
      const before = process.memoryUsage.rss();
      client.socket.pause();
      const burst = Buffer.concat(Array.from({ length: 1000 }, () => frame));
      const count = rounds(100, 1000);
      let sent = 0;
      // Until timers have run in the midst of it: where the flood starves them this never ends, and the test fails.
      for (; (sent < count || ticks <= 5) && !client.isClosed; sent += 1) {
        // Never reads: what the server answers must not pile up without bounds either.
        if (!client.socket.write(burst)) {
          await Promise.race([once(client.socket, 'drain'), client.closed()]);
        }
      }
      await served.expectServing();
      const grown = (process.memoryUsage.rss() - before) / 1048576;
      expect(grown).to.be.lessThan(200);
      saw(`${sent * 1000} frames: ${connection.getState()}, timers ran ${ticks} times, ${grown.toFixed(0)} MiB more`);
    });
  }

  describe('that is a server', () => {
    const answers: Readonly<Record<string, readonly RawFrame[]>> = {
      'masks its frames': [{ opcode: 2, payload: GREETING, isMasked: true }],
      'sends a message of 2^62 bytes (announced)': [
        { opcode: 2, payload: GREETING, isMasked: false },
        { opcode: 2, claimedLength: 1n << 62n, isMasked: false },
      ],
      'sends a text': [
        { opcode: 2, payload: GREETING, isMasked: false },
        { opcode: 1, payload: text('hello'), isMasked: false },
      ],
      'compresses although nothing was agreed': [
        { opcode: 2, payload: GREETING, isMasked: false },
        { opcode: 2, payload: binary(9), reserved: 4, isMasked: false },
      ],
      'sends a reserved opcode': [
        { opcode: 2, payload: GREETING, isMasked: false },
        { opcode: 5, isMasked: false },
      ],
    };
    for (const [what, frames] of Object.entries(answers)) {
      faultTest('H18', what, [], async ({ scope, saw }) => {
        const port = await serveRaw(scope, (socket) => {
          for (const frame of frames) socket.write(rawFrame(frame));
        });
        const client = scope.add(new WebSocketTransport().createConnection({ endpoint: `ws://127.0.0.1:${port}` }));
        const over = ended(client);
        client.setMessageCallback(() => undefined);
        await client.connect();
        const end = await over;
        expect(end.state).to.equal('failed');
        expect(end.code).to.be.oneOf(['InvalidMessage', 'HandshakeFailed']);
        saw(end.code ?? '');
      });
    }
  });

  faultTest('H12', 'a client that never reads', [], async ({ scope, saw }) => {
    const served = await serve(scope);
    const client = new RawClient(scope, served.port);
    await client.open();
    const connection = await served.accept();
    connection.startReceiving();
    client.socket.pause();
    while (connection.trySend(messageOf(10_000, 1)).ok);
    expect(connection.wouldBlockCount()).to.equal(1);
    await served.expectServing();
    saw('WouldBlock; others served');
  });
});

/** Writes a text slowly, for as long as the socket is open. */
function drip(client: RawClient, start: string): void {
  client.write(Buffer.from(start));
  const timer = setInterval(() => {
    if (client.isClosed) clearInterval(timer);
    else client.write(Buffer.from('x'));
  }, 20);
}

/** A server that agrees to any upgrade and then does what it likes. */
async function serveRaw(scope: Scope, behave: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (request) => {
      const key = /sec-websocket-key: (.*)\r\n/i.exec(request.toString('latin1'))?.[1] ?? '';
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      const headers = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Protocol: entropynet.v1'];
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\n${headers.join('\r\n')}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      behave(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.defer(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
