import { once } from 'node:events';
import type { Socket } from 'node:net';
import { constants, deflateRawSync } from 'node:zlib';
import { encodePeerLimits } from '@entropynet/core';
import type { WebSocketConnectionServer } from '@entropynet/transport-ws';
import { expect } from 'chai';
import type { WebSocketFixtures } from './web-socket-fixtures.js';
import { PEER_LIMITS, upgradeRequest, Witness } from './web-socket-fixtures.js';

/** First bytes of frames: whole and compressed; fragments of a compressed message. */
export const COMPRESSED = 0xc2;
export const FIRST = 0x42;
export const NEXT = 0x00;
export const LAST = 0x80;

/** The socket of a client without a WebSocket library that has agreed with the server to compress. */
export async function handMade(
  fixtures: WebSocketFixtures,
  server: WebSocketConnectionServer,
  extension = 'permessage-deflate',
): Promise<Socket> {
  const address = server.address()!;
  const socket = await fixtures.tcp(address);
  const request = upgradeRequest(new URL(address).pathname);
  socket.write(request.replace('\r\n\r\n', `\r\nSec-WebSocket-Extensions: ${extension}\r\n\r\n`));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString('latin1')).to.match(/^HTTP\/1\.1 101 /);
  return socket;
}

/** The same after its greeting, with the connection that the server accepted. */
export async function greeted(
  fixtures: WebSocketFixtures,
  server: WebSocketConnectionServer,
): Promise<{ socket: Socket; witness: Witness }> {
  const socket = await handMade(fixtures, server);
  socket.write(frame(0x82, encodePeerLimits(PEER_LIMITS)));
  return { socket, witness: new Witness(await fixtures.accept(server)) };
}

/** A frame of a client, masked with zero. */
export function frame(first: number, payload: Uint8Array): Buffer {
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

/** Compresses a message as RFC 7692 demands. */
export function deflate(message: Uint8Array): Buffer {
  return deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}
