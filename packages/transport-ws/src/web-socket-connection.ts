import type { ResolvedConnectionConfig, Result } from '@entropynet/core';
import { dialWebSocket } from './dial-web-socket.js';
import { GreetedConnection } from './greeted-connection.js';
import type { WebSocketAddress } from './web-socket-address.js';
import type { WebSocketLink } from './web-socket-link.js';

/** A connection over WebSocket. */
export class WebSocketConnection extends GreetedConnection {
  protected dial(
    address: WebSocketAddress,
    config: ResolvedConnectionConfig,
    signal: AbortSignal,
  ): Promise<Result<WebSocketLink>> {
    return dialWebSocket(address, config, signal);
  }
}
