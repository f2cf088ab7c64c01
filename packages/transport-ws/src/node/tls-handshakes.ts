import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { addressesOf } from './link-stream.js';

/**
 * Makes `closeAllConnections()` also end the connections whose TLS handshake runs. Node.js knows a connection only after
 * its handshake. So a client that connects and sends nothing would keep a closed server until the time limit of the
 * handshake.
 */
export function endHandshakesToo(server: Server): void {
  const sockets = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const key = keyOf(socket);
    sockets.set(key, socket);
    socket.once('close', () => {
      if (sockets.get(key) === socket) sockets.delete(key);
    });
  });
  server.on('secureConnection', (socket) => sockets.delete(keyOf(socket)));
  const closeAllConnections = server.closeAllConnections.bind(server);
  server.closeAllConnections = () => {
    closeAllConnections();
    for (const socket of [...sockets.values()]) socket.destroy();
  };
}

/** The TCP socket and the TLS socket of one connection have the same addresses. */
function keyOf(socket: Socket | TLSSocket): string {
  const { local = '', remote = '' } = addressesOf(socket) ?? {};
  return `${local} ${remote}`;
}
