import type { ChildProcess, Serializable } from 'node:child_process';
import { once } from 'node:events';
import type { Port, StartPeer, Subject } from '../subject.js';

/** Messages that may wait in the channel before the sender pauses. */
const MAX_WAITING = 1000;

/** How bytes travel in the channel. */
interface Encoding {
  readonly encode: (message: Uint8Array) => Serializable;
  readonly decode: (value: unknown) => Uint8Array;
}

/** The channel that `fork` makes. */
class ProcessIpc implements Subject {
  readonly kind = 'peer';

  constructor(
    readonly name: string,
    private readonly encoding: Encoding,
  ) {}

  async serve(startPeer: StartPeer): Promise<Port> {
    const child = startPeer('');
    await once(child, 'message');
    return portOf(child, this.encoding);
  }

  join(): Promise<Port> {
    process.send?.('ready');
    return Promise.resolve(portOf(process, this.encoding));
  }
}

function portOf(channel: ChildProcess | NodeJS.Process, { encode, decode }: Encoding): Port {
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
      channel.send?.(encode(message), undefined, undefined, onSent);
      return true;
    },
    whenWritable: (callback) => {
      whenWritable = callback;
    },
    onMessage: (callback) => {
      channel.on('message', (value: unknown) => {
        callback(decode(value));
      });
    },
    close: () => Promise.resolve(),
  };
}

export const processIpcSubjects: readonly Subject[] = [
  // JSON has no bytes: they travel as text.
  new ProcessIpc('child_process IPC (json)', {
    encode: (message) => Buffer.from(message.buffer, message.byteOffset, message.length).toString('latin1'),
    decode: (value) => Buffer.from(value as string, 'latin1'),
  }),
  new ProcessIpc('child_process IPC (advanced)', {
    encode: (message) => message,
    decode: (value) => value as Uint8Array,
  }),
];
