import { expect } from 'chai';
import { createServer, type Socket } from 'node:net';
import { createHash } from 'node:crypto';
import type { Scope } from '@entropynet/conformance/tools';
import { WebSocketTransport } from '@entropynet/transport-ws';
import { describeFaults, faultTest } from './support/fault-test.js';
import { ended } from './support/processes.js';
import { GREETING, rawFrame, type RawFrame } from '../support/web-socket/raw-web-socket.js';
import { binary, text } from './support/served-web-socket.js';

describeFaults('a hostile WebSocket server', () => {
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
      expect(end.code).to.equal('InvalidMessage');
      saw(end.code ?? '');
    });
  }
});

/** A server that accepts any upgrade and then misbehaves. */
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
