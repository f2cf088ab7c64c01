import type { Socket } from 'node:net';

/** What a write to a peer that has gone gives. */
const GONE = new Set(['EPIPE', 'ECONNRESET']);

/**
 * Keeps a failed write from throwing away what the peer had sent before it died. Node.js destroys a socket at the first
 * failed write, with everything that the kernel still holds to be read. Such a peer has ended its own direction too: its
 * end is read soon, and then the socket is destroyed with the error of the write.
 */
export function readBeforeFailing(socket: Socket): void {
  const destroy = socket.destroy.bind(socket);
  let failure: Error | undefined;
  socket.destroy = (error?: Error) => {
    if (error === undefined || socket.readableEnded || !isWriteFailure(error)) return destroy(error);
    if (failure === undefined) {
      failure = error;
      socket.once('end', () => destroy(failure));
    }
    return socket;
  };
}

function isWriteFailure(error: NodeJS.ErrnoException): boolean {
  return GONE.has(error.code ?? '') && (error.syscall === 'write' || error.syscall === 'writev');
}
