import type { Socket } from 'node:net';
import { NetworkError, type ResolvedConnectionConfig, type TransportProbe } from '@entropynet/core';
import { startLimit } from '@entropynet/core/platform';
import { formatHostPort, type WebSocketAddress } from '../protocol/web-socket-address.js';
import { connectErrorOf, unavailable } from '../protocol/web-socket-errors.js';
import { createWebSocket } from './create-web-socket.js';

/**
 * Makes the socket of a connection as `connect()` does, and closes it once it has connected. The server gets no
 * request. Never rejects.
 */
export function probeWebSocket(address: WebSocketAddress, config: ResolvedConnectionConfig): Promise<TransportProbe> {
  const limitMs = config.connectTimeoutMs;
  return new Promise((resolve) => {
    const onConnected = (): void => {
      settle({ available: true });
    };
    const created = createWebSocket(address, config, { current: 'random' }, (request) => {
      request.once('socket', (socket: Socket) => {
        // An agent or a function of the program may give a socket that has connected.
        if (socket.connecting) socket.once('connect', onConnected);
        else onConnected();
      });
    });
    if (!created.ok) {
      resolve(unavailable(created.error));
      return;
    }
    const webSocket = created.value;
    const stopLimit = startLimit(() => {
      const where = formatHostPort(address.host, address.port);
      const reason = `${where} does not answer within ${limitMs} ms (connectTimeoutMs)`;
      settle(unavailable(new NetworkError('Timeout', reason)));
    }, limitMs);
    const settle = (probe: TransportProbe): void => {
      stopLimit();
      resolve(probe);
      // The listener stays: ending an unfinished handshake emits an error.
      webSocket.terminate();
    };
    webSocket.on('error', (error) => {
      settle(unavailable(connectErrorOf(error, address)));
    });
  });
}
