import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join as joinPath } from 'node:path';
import type { Port, StartPeer, Subject } from '../subject.js';

const LENGTH_BYTES = 4;

/** `net` over a Unix socket, with frames of a length and the bytes: what one writes by hand. */
export const unixSocket: Subject = {
  name: 'net (Unix socket)',
  kind: 'peer',
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
      const frames = new FrameSplitter(callback);
      socket.on('data', (chunk: Buffer) => {
        frames.add(chunk);
      });
    },
    close: () => {
      socket.destroy();
      after();
      return Promise.resolve();
    },
  };
}

/** Cuts a stream into the messages in it. Chunks of a message that has not arrived whole are joined once. */
class FrameSplitter {
  readonly #onFrame: (message: Uint8Array) => void;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Nothing can be delivered before so many bytes are there. */
  #needed = LENGTH_BYTES;

  constructor(onFrame: (message: Uint8Array) => void) {
    this.#onFrame = onFrame;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return;
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    let at = 0;
    this.#needed = LENGTH_BYTES;
    while (bytes.length - at >= LENGTH_BYTES) {
      const end = at + LENGTH_BYTES + bytes.readUInt32LE(at);
      if (end > bytes.length) {
        this.#needed = end - at;
        break;
      }
      this.#onFrame(bytes.subarray(at + LENGTH_BYTES, end));
      at = end;
    }
    const rest = bytes.subarray(at);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
  }
}
