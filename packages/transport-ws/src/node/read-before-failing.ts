import type { Duplex } from 'node:stream';
import { codeOf } from '../protocol/web-socket-errors.js';

/** What a write to a peer that has gone gives. */
const GONE = new Set(['EPIPE', 'ECONNRESET']);

type WriteCallback = (error?: Error | null) => void;

/**
 * Keeps a failed write from throwing away what the peer had sent before it died. Node.js gives a socket up at the first
 * failed write, with everything that the kernel still holds to be read. Such a peer has ended its own direction too: the
 * write counts as unfinished until that end is read, and fails then.
 */
export function readBeforeFailing(socket: Duplex): void {
  const write = socket._write.bind(socket);
  const writev = socket._writev?.bind(socket);
  let callback: WriteCallback | undefined;
  // One closure for all writes: a stream starts no write before the one before it is finished.
  const onWritten: WriteCallback = (error) => {
    const tell = callback;
    if (error === null || error === undefined || socket.readableEnded || !GONE.has(codeOf(error))) tell?.(error);
    else socket.once('end', () => tell?.(error));
  };
  socket._write = (chunk, encoding, onDone) => {
    // Some runtimes write several chunks by writing each, and then this is the callback of the whole.
    if (onDone !== onWritten) callback = onDone;
    write(chunk, encoding, onWritten);
  };
  if (writev === undefined) return;
  socket._writev = (chunks, onDone) => {
    callback = onDone;
    writev(chunks, onWritten);
  };
}
