import type { ResolvedConnectionConfig, Result } from '@entropynet/core';
import { dialWebSocket } from './dial-web-socket.js';
import { GreetedConnection } from './greeted-connection.js';
import type { WebSocketAddress } from './web-socket-address.js';
import { WebSocketLink } from './web-socket-link.js';

/** A connection over WebSocket. */
export class WebSocketConnection extends GreetedConnection {
  /**
   * How long the last ping and its answer took, in milliseconds, behind whatever was on the way in front of them; there is
   * one each `webSocket.heartbeat.intervalMs`. Undefined before the first, and while not connected.
   */
  get roundTripMs(): number | undefined {
    return this.link instanceof WebSocketLink ? this.link.roundTripMs : undefined;
  }

  protected dial(
    address: WebSocketAddress,
    config: ResolvedConnectionConfig,
    signal: AbortSignal,
  ): Promise<Result<WebSocketLink>> {
    return dialWebSocket(address, config, signal);
  }
}
