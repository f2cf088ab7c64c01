import { expect } from 'chai';
import { once } from 'node:events';
import { messageOf } from '@entropynet/conformance/tools';
import { describeFaults, faultTest, rounds } from './support/fault-test.js';
import { ended } from './support/processes.js';
import { RawClient, rawFrame, type RawFrame } from '../support/web-socket/raw-web-socket.js';
import { binary, serve, text } from './support/served-web-socket.js';

/** Violations of WebSocket itself, after the case list of Autobahn. Each must end that connection and no other. */
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
      expect(end.code).to.equal('InvalidMessage');
      client.socket.end();
      await client.closed();
      await served.expectServing();
      saw(`${end.code}; others served`);
    });
  }

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
      // The flood lasts until timers have run during it. If it starves them, the test fails at its limit.
      for (; (sent < count || ticks <= 5) && !client.isClosed; sent += 1) {
        // The client never reads: the answers of the server must not grow without a limit.
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
