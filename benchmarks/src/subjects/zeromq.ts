import { join as joinPath } from 'node:path';
import type { Pair } from 'zeromq';
import type { Port, StartPeer, Subject } from '../subject.js';

/** Messages that may wait in this process before the sender pauses. */
const MAX_WAITING = 1000;

/** The package `zeromq`: a pair of sockets over `ipc`. */
export const zeroMq: Subject = {
  name: 'zeromq (ipc)',
  kind: 'peer',
  async unavailable(): Promise<string | undefined> {
    try {
      await import('zeromq');
      return undefined;
    } catch (error) {
      return `its addon can't be loaded: ${String(error).split('\n')[0] ?? ''}`;
    }
  },
  async serve(startPeer: StartPeer, folder: string): Promise<Port> {
    const { Pair } = await import('zeromq');
    const socket = new Pair();
    const address = `ipc://${joinPath(folder, 'zeromq.socket')}`;
    await socket.bind(address);
    startPeer(address);
    // The first message says that the peer is there.
    await socket.receive();
    return portOf(socket);
  },
  async join(address: string): Promise<Port> {
    const { Pair } = await import('zeromq');
    const socket = new Pair();
    socket.connect(address);
    await socket.send('ready');
    return portOf(socket);
  },
};

function portOf(socket: Pair): Port {
  const waiting: Uint8Array[] = [];
  let isSending = false;
  let whenWritable: (() => void) | undefined;
  // The package allows one send at a time.
  const sendAll = async (): Promise<void> => {
    isSending = true;
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await socket.send(next);
      if (waiting.length > MAX_WAITING / 2 || whenWritable === undefined) continue;
      const callback = whenWritable;
      whenWritable = undefined;
      callback();
    }
    isSending = false;
  };
  return {
    send: (message) => {
      if (waiting.length >= MAX_WAITING) return false;
      // A copy, because the caller uses its buffer again.
      waiting.push(new Uint8Array(message));
      if (!isSending) void sendAll();
      return true;
    },
    whenWritable: (callback) => {
      whenWritable = callback;
    },
    onMessage: (callback) => {
      void (async () => {
        for await (const [message] of socket) if (message !== undefined) callback(message);
      })();
    },
    close: () => {
      socket.close();
      return Promise.resolve();
    },
  };
}
