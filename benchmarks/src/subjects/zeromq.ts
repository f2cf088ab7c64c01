import { join as joinPath } from 'node:path';
import type { Pull, Push } from 'zeromq';
import type { Port, StartPeer, Subject } from '../subject.js';

/** Messages that may wait in this process before the sender pauses. */
const MAX_WAITING = 1000;

/**
 * The package `zeromq` over `ipc`: a socket for each direction. One that sends and receives at once stops answering now
 * and then.
 */
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
    const { Pull, Push } = await import('zeromq');
    const incoming = new Pull();
    const outgoing = new Push();
    const address = `ipc://${joinPath(folder, 'zeromq.socket')}`;
    await incoming.bind(`${address}.0`);
    await outgoing.bind(`${address}.1`);
    startPeer(address);
    // The first message says that the peer is there.
    await incoming.receive();
    return portOf(incoming, outgoing);
  },
  async join(address: string): Promise<Port> {
    const { Pull, Push } = await import('zeromq');
    const incoming = new Pull();
    const outgoing = new Push();
    incoming.connect(`${address}.1`);
    outgoing.connect(`${address}.0`);
    await outgoing.send('ready');
    return portOf(incoming, outgoing);
  },
};

function portOf(incoming: Pull, outgoing: Push): Port {
  const waiting: Uint8Array[] = [];
  let isSending = false;
  let isClosed = false;
  // A message that is under way at the end is nobody's loss.
  const failUnlessClosed = (error: unknown): void => {
    if (!isClosed) throw error;
  };
  let whenWritable: (() => void) | undefined;
  // The package allows one send at a time.
  const sendAll = async (): Promise<void> => {
    isSending = true;
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await outgoing.send(next);
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
      if (!isSending) sendAll().catch(failUnlessClosed);
      return true;
    },
    whenWritable: (callback) => {
      whenWritable = callback;
    },
    onMessage: (callback) => {
      void (async () => {
        for await (const [message] of incoming) if (message !== undefined) callback(message);
      })();
    },
    close: () => {
      isClosed = true;
      incoming.close();
      outgoing.close();
      return Promise.resolve();
    },
  };
}
