import type { Server } from 'node:http';
import { startLimit } from '@entropynet/core/platform';
import { codeOf } from '../protocol/web-socket-errors.js';
import { endWithStatus } from './upgrade-router.js';

/** The code of the error of Node.js for a request that has not arrived in time. */
const TOO_SLOW = 'ERR_HTTP_REQUEST_TIMEOUT';

/** The answers to requests that Node.js can't read, by the code of its error. */
const ANSWERS: ReadonlyMap<string, readonly [status: number, reason: string]> = new Map([
  ['HPE_HEADER_OVERFLOW', [431, 'the address and the headers of the request are too long']],
  [TOO_SLOW, [408, 'the request did not arrive in time']],
]);
const NO_REQUEST = [400, 'this is not a valid HTTP request'] as const;

/**
 * Makes a server answer requests that are not valid, or too long, or too slow, and close their sockets. By itself
 * Node.js closes a socket together with the unread rest of its request. Then the kernel resets the connection, and a
 * client that reads only after it has sent everything never gets the answer. So this side first drops the rest.
 * @param limitMs the longest wait for the client to close its end, in milliseconds
 */
export function answerBrokenRequests(server: Server, limitMs: number): void {
  const answered = new WeakSet<object>();
  server.on('clientError', (error, socket) => {
    // Node.js reports every further piece of the same request.
    if (answered.has(socket)) return;
    answered.add(socket);
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    const code = codeOf(error);
    const [status, reason] = ANSWERS.get(code) ?? NO_REQUEST;
    // A slow client has had its time, and sends nothing that must be dropped.
    socket.once(code === TOO_SLOW ? 'finish' : 'end', () => socket.destroy());
    const stopLimit = startLimit(() => socket.destroy(), limitMs);
    socket.once('close', stopLimit);
    endWithStatus(socket, status, reason);
  });
}
