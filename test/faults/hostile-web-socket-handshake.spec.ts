import { expect } from 'chai';
import { turns, until } from '@entropynet/conformance/tools';
import { describeFaults, faultTest, rounds } from './support/fault-test.js';
import { GREETING, RawClient, rawFrame } from '../support/web-socket/raw-web-socket.js';
import { serve, text } from './support/served-web-socket.js';

/** Requests that must not become a connection, each with the status of its answer. */
const REFUSED: readonly [string, (client: RawClient) => void, number][] = [
  ['a page of another origin', (client) => client.upgrade({ Origin: 'https://evil.example' }), 403],
  ['a page without a name', (client) => client.upgrade({ Origin: 'null' }), 403],
  ['no subprotocol', (client) => client.upgrade({ 'Sec-WebSocket-Protocol': undefined }), 400],
  ['another subprotocol', (client) => client.upgrade({ 'Sec-WebSocket-Protocol': 'mqtt' }), 400],
  ['no key', (client) => client.upgrade({ 'Sec-WebSocket-Key': undefined }), 400],
  ['a key that is none', (client) => client.upgrade({ 'Sec-WebSocket-Key': 'short' }), 400],
  ['version 12', (client) => client.upgrade({ 'Sec-WebSocket-Version': '12' }), 400],
  ['another path', (client) => client.upgrade({}, 'GET /elsewhere HTTP/1.1'), 404],
  ['POST', (client) => client.upgrade({}, 'POST / HTTP/1.1'), 405],
  ['no upgrade', (client) => client.upgrade({ Upgrade: undefined, Connection: 'close' }), 426],
  ['a header of 100 kB', (client) => client.upgrade({ 'X-Long': 'x'.repeat(100_000) }), 431],
  [
    'three thousand headers',
    (client) => client.upgrade(Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`X-${index}`, 'y']))),
    431,
  ],
  ['an address of 100 kB', (client) => client.upgrade({}, `GET /${'a'.repeat(100_000)} HTTP/1.1`), 431],
  ['no HTTP', (client) => client.write(Buffer.alloc(4000, 0x16)), 400],
  ['a header with a zero byte', (client) => client.upgrade({ 'X-Zero': 'a\0b' }), 400],
  [
    'two lengths',
    (client) => client.upgrade({ 'Content-Length': '5', 'Transfer-Encoding': 'chunked' }, 'POST / HTTP/1.1'),
    400,
  ],
];

describeFaults('a hostile handshake of WebSocket', () => {
  for (const [what, ask, status] of REFUSED) {
    faultTest('H18', `a request with ${what}`, [], async ({ scope, saw }) => {
      // So much time that the server does not close before it has read the rest of the request.
      const served = await serve(scope, { handshakeTimeoutMs: 60_000 });
      const client = new RawClient(scope, served.port);
      ask(client);
      expect(await client.status()).to.equal(status);
      client.socket.end();
      await client.closed();
      await served.expectServing();
      saw(`HTTP ${status}`);
    });
  }

  faultTest('H18', 'a client that sends a header of 8 MB before it reads', [], async ({ scope, saw }) => {
    const served = await serve(scope, { handshakeTimeoutMs: 60_000 });
    const client = new RawClient(scope, served.port);
    client.socket.pause();
    await new Promise((resolve) => client.socket.write(`GET / HTTP/1.1\r\nX-Long: ${'x'.repeat(8_000_000)}`, resolve));
    client.socket.resume();
    expect(await client.status()).to.equal(431);
    await client.closed();
    await served.expectServing();
    saw('HTTP 431 after all of it');
  });

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
    'sends a header without end': (client) => {
      // It goes on after the server has answered and closed its direction.
      client.socket.allowHalfOpen = true;
      drip(client, 'GET / HTTP/1.1\r\nX-Long: ', 'x'.repeat(10_000));
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
      // If the kernel's queue was full, a connection exists only on this side until this side sends something.
      client.write(text('G'));
      clients.push(client);
      if (index % 50 === 0) await turns(2);
    }
    await until(() => clients.every(({ isClosed }) => isClosed), 'every one was closed');
    await served.expectServing();
    saw(`${count} TCP connections closed after the time limit`);
  });
});

/** Writes a text, then further pieces for as long as the socket is open. */
function drip(client: RawClient, start: string, piece = 'x'): void {
  client.write(Buffer.from(start));
  const timer = setInterval(() => {
    if (client.isClosed) clearInterval(timer);
    else client.write(Buffer.from(piece));
  }, 20);
}
