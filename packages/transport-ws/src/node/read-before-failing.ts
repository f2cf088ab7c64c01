import type { Duplex } from 'node:stream';
import { codeOf } from '../protocol/web-socket-errors.js';

/** The errors of a write to a peer that has gone. */
const GONE = new Set(['EPIPE', 'ECONNRESET']);

type WriteCallback = (error?: Error | null) => void;

/**
 * Delays the error of a failed write until this side has read the last bytes of the peer. Node.js destroys a socket at
 * the first failed write, and drops all bytes that the kernel still holds. Such a peer has also ended its own
 * direction, so the write stays unfinished until that end is read, and fails then.
 */
export function readBeforeFailing(socket: Duplex): void {
  const write = socket._write.bind(socket);
  const writev = socket._writev?.bind(socket);
  let callback: WriteCallback | undefined;
  // One closure for all writes, because a stream starts a write only after the one before it.
  const onWritten: WriteCallback = (error) => {
    const tell = callback;
    if (error === null || error === undefined || socket.readableEnded || !GONE.has(codeOf(error))) tell?.(error);
    else socket.once('end', () => tell?.(error));
  };
  socket._write = (chunk, encoding, onDone) => {
    // Some runtimes write several chunks with separate writes. Then this is the callback of all of them.
    if (onDone !== onWritten) callback = onDone;
    write(chunk, encoding, onWritten);
  };
  if (writev === undefined) return;
  socket._writev = (chunks, onDone) => {
    callback = onDone;
    writev(chunks, onWritten);
  };
}
