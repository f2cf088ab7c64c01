import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Port, StartPeer, Subject } from '../subject.js';

/** Messages that may wait in the channel before the sender pauses. */
const MAX_WAITING = 1000;

/** The channel that `fork` makes; its JSON carries the bytes as text. */
export const processIpc: Subject = {
  name: 'child_process IPC (json)',
  async serve(startPeer: StartPeer): Promise<Port> {
    const child = startPeer('');
    await once(child, 'message');
    return portOf(child);
  },
  join(): Promise<Port> {
    process.send?.('ready');
    return Promise.resolve(portOf(process));
  },
};

function portOf(channel: ChildProcess | NodeJS.Process): Port {
  let waiting = 0;
  let whenWritable: (() => void) | undefined;
  const onSent = (): void => {
    waiting -= 1;
    if (waiting > MAX_WAITING / 2 || whenWritable === undefined) return;
    const callback = whenWritable;
    whenWritable = undefined;
    callback();
  };
  return {
    send: (message) => {
      if (waiting >= MAX_WAITING) return false;
      waiting += 1;
      channel.send?.(Buffer.from(message).toString('latin1'), undefined, undefined, onSent);
      return true;
    },
    whenWritable: (callback) => {
      whenWritable = callback;
    },
    onMessage: (callback) => {
      channel.on('message', (text: string) => {
        callback(Buffer.from(text, 'latin1'));
      });
    },
    close: () => Promise.resolve(),
  };
}
