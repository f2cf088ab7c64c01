import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createWebSocketStream, WebSocket, WebSocketServer } from 'ws';
import { type CloseConnection, connectMany } from '../connect-many.js';
import { MESSAGE_BYTES, type Port, type StartPeer, type Subject } from '../subject.js';
import { MEMORY_KEPT, nameWithMemoryKept } from './memory-kept.js';
import { streamPortOf } from './stream-port.js';

/** Bytes that may wait inside `ws` before the sender pauses. */
const HIGH_WATER_BYTES = 1024 * 1024;

/** The package `ws` by itself, compression off, over loopback; `portOf` makes ports of its sockets. */
function subjectOf(name: string, portOf: (socket: WebSocket, after: () => void) => Port): Subject {
  return {
    name,
    kind: 'peer',
    async serve(startPeer: StartPeer): Promise<Port> {
      const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
      await once(server, 'listening');
      const connected = once(server, 'connection');
      startPeer(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
      const [socket] = (await connected) as [WebSocket];
      server.on('connection', (more: WebSocket) => {
        more.on('message', (data: Buffer) => {
          more.send(data);
        });
      });
      return portOf(socket, () => {
        server.close();
      });
    },
    async join(address: string): Promise<Port> {
      const socket = new WebSocket(address, { perMessageDeflate: false });
      // The first message may come in one piece with the handshake, before anyone listens for it: hold it back.
      socket.once('open', () => {
        socket.pause();
      });
      await once(socket, 'open');
      const connectMore = (count: number): Promise<number> => connectMany(count, () => connectOne(address));
      return { ...portOf(socket, () => undefined), connectMore };
    },
  };
}

/** Messages of the package `ws`. */
export const rawWs: Subject = { ...subjectOf('ws', messagePortOf), connects: true };

/** The same in processes that keep their memory. */
export const rawWsMemoryKept: Subject = { ...rawWs, ...MEMORY_KEPT, name: nameWithMemoryKept(rawWs.name) };

/** The stream that the package itself makes of a socket. */
export const rawWsStream: Subject = {
  ...subjectOf('ws createWebSocketStream', (socket, after) => {
    const stream = createWebSocketStream(socket);
    socket.resume();
    return streamPortOf(stream, after);
  }),
  isExtra: true,
  workloads: ['streams'],
};

async function connectOne(address: string): Promise<CloseConnection> {
  const socket = new WebSocket(address, { perMessageDeflate: false });
  socket.once('open', () => {
    socket.send(new Uint8Array(MESSAGE_BYTES));
  });
  await once(socket, 'message');
  return async () => {
    socket.close();
    await once(socket, 'close');
  };
}

/** Messages of a socket; calls `after` once it is closed. */
export function messagePortOf(socket: WebSocket, after: () => void): Port {
  return {
    send: (message) => {
      if (socket.bufferedAmount > HIGH_WATER_BYTES) return false;
      socket.send(message);
      return true;
    },
    whenWritable: (callback) => {
      setImmediate(callback);
    },
    onMessage: (callback) => {
      socket.on('message', (data: Buffer) => {
        callback(data);
      });
      socket.resume();
    },
    close: () => {
      socket.terminate();
      after();
      return Promise.resolve();
    },
  };
}
