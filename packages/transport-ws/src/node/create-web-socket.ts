import { randomFillSync } from 'node:crypto';
import type { Agent, ClientRequest } from 'node:http';
import type { connect } from 'node:net';
import { err, ok, type ResolvedConnectionConfig, type Result } from '@entropynet/core';
import { WebSocket } from '#ws';
import type { ClientOptions } from 'ws';
import { codeOf, reasonOf } from '../protocol/web-socket-errors.js';
import type { WebSocketAddress } from '../protocol/web-socket-address.js';
import { SOCKET_OPTIONS, SUBPROTOCOL } from '../protocol/web-socket-protocol.js';
import { negotiationOptions } from './compression.js';
import type { Masking } from './message-envelope.js';
import { secureContextOptions, tryTls } from './tls-options.js';

/**
 * Makes a client's WebSocket, which begins to connect, with the TLS options, the agent, the socket and the addresses of
 * the configuration. `InvalidParameter`: Node.js does not accept the configuration.
 * @param masking how the WebSocket masks each message; the caller may change it later
 * @param finishRequest receives the upgrade request in place of its being sent
 */
export function createWebSocket(
  address: WebSocketAddress,
  config: ResolvedConnectionConfig,
  masking: { readonly current: Masking },
  finishRequest?: (request: ClientRequest) => void,
): Result<WebSocket> {
  const { headers, tls, agent, createConnection, lookup } = config.webSocket;
  const options = {
    ...SOCKET_OPTIONS,
    perMessageDeflate: negotiationOptions(config.webSocket.compression),
    closeTimeout: config.sendTimeoutMs,
    headers,
    generateMask: (mask: Buffer) => {
      // `ws` passes four zero bytes.
      if (masking.current === 'random') randomFillSync(mask);
    },
    ...secureContextOptions(tls),
    ...(tls !== undefined && { rejectUnauthorized: tls.rejectUnauthorized }),
    ...(tls?.servername !== undefined && { servername: tls.servername }),
    ...(agent !== undefined && { agent: agent as Agent }),
    ...(createConnection !== undefined && { createConnection: createConnection as typeof connect }),
    ...(lookup !== undefined && { lookup: lookup }),
    ...(finishRequest !== undefined && { finishRequest }),
  };
  const usable = tryTls(tls);
  if (!usable.ok) return usable;
  try {
    return ok(new WebSocket(address.url, SUBPROTOCOL, options as ClientOptions));
  } catch (error) {
    const key = codeOf(error).startsWith('ERR_INVALID') ? "'webSocket.headers'" : 'the configuration';
    return err('InvalidParameter', `${key} can't be used: ${reasonOf(error)}`, error);
  }
}
