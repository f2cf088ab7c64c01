import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join as joinPath } from 'node:path';
import type { Port, StartPeer, Subject } from '../subject.js';

const LENGTH_BYTES = 4;

/** `net` over a Unix socket, with frames of a length and the bytes: what one writes by hand. */
export const unixSocket: Subject = {
  name: 'net (Unix socket)',
  async serve(startPeer: StartPeer, folder: string): Promise<Port> {
    const path = joinPath(folder, 'net.socket');
    const server = createServer();
    server.listen(path);
    await once(server, 'listening');
    const connected = once(server, 'connection');
    startPeer(path);
    const [socket] = (await connected) as [Socket];
    return portOf(socket, () => {
      server.close();
    });
  },
  async join(address: string): Promise<Port> {
    const socket = connect(address);
    await once(socket, 'connect');
    return portOf(socket, () => undefined);
  },
};

function portOf(socket: Socket, after: () => void): Port {
  let isFull = false;
  let onWritable: (() => void) | undefined;
  socket.on('drain', () => {
    isFull = false;
    const callback = onWritable;
    onWritable = undefined;
    callback?.();
  });
  return {
    send: (message) => {
      if (isFull) return false;
      const frame = Buffer.allocUnsafe(LENGTH_BYTES + message.length);
      frame.writeUInt32LE(message.length, 0);
      frame.set(message, LENGTH_BYTES);
      isFull = !socket.write(frame);
      return true;
    },
    whenWritable: (callback) => {
      onWritable = callback;
    },
    onMessage: (callback) => {
      let rest: Buffer = Buffer.alloc(0);
      socket.on('data', (chunk: Buffer) => {
        const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        let at = 0;
        while (bytes.length - at >= LENGTH_BYTES) {
          const end = at + LENGTH_BYTES + bytes.readUInt32LE(at);
          if (end > bytes.length) break;
          callback(bytes.subarray(at + LENGTH_BYTES, end));
          at = end;
        }
        rest = bytes.subarray(at);
      });
    },
    close: () => {
      socket.destroy();
      after();
      return Promise.resolve();
    },
  };
}
