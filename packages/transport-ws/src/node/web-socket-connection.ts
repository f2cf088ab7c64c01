import type { ConnectionConfig, ResolvedConnectionConfig, Result } from '@entropynet/core';
import { dialWebSocket } from './dial-web-socket.js';
import { GreetedConnection } from '../protocol/greeted-connection.js';
import type { GreetedLink } from '../protocol/greeted-link.js';
import { checkTlsKeys } from './tls-options.js';
import type { WebSocketAddress } from '../protocol/web-socket-address.js';
import { WebSocketLink } from './web-socket-link.js';

/** A connection over WebSocket. */
export class WebSocketConnection extends GreetedConnection {
  /**
   * @param config a configuration, or just the endpoint. Throws a `NetworkError` (`InvalidParameter`) for a wrong one.
   * @param accepted for a server: a link on which both sides have greeted
   */
  constructor(config: ConnectionConfig | string, accepted?: GreetedLink) {
    super(config, accepted);
    checkTlsKeys(this.config.webSocket.tls);
  }

  /**
   * How long the last ping and its answer took, in milliseconds, behind whatever was on the way in front of them; there is
   * one each `webSocket.heartbeat.intervalMs`. Undefined before the first, and while not connected.
   */
  override get roundTripMs(): number | undefined {
    return this.link instanceof WebSocketLink ? this.link.roundTripMs : undefined;
  }

  /** The peer's address as `host:port`, or that of a proxy before it; undefined while not connected over TCP. */
  get remoteAddress(): string | undefined {
    return this.link instanceof WebSocketLink ? this.link.addresses?.remote : undefined;
  }

  /**
   * The same text at both ends of the connection and at no other connection that stands, for monitoring: the addresses of
   * both ends. Undefined while not connected over TCP. With a proxy or address translation between them, the ends differ.
   */
  override get linkKey(): string | undefined {
    const addresses = this.link instanceof WebSocketLink ? this.link.addresses : undefined;
    return addresses && `tcp-${[addresses.local, addresses.remote].sort().join('-')}`;
  }

  /** For servers: whether the client has gone and left no message, before anybody received here. */
  get isAbandoned(): boolean {
    return this.link?.isAbandoned ?? false;
  }

  protected dial(
    address: WebSocketAddress,
    config: ResolvedConnectionConfig,
    signal: AbortSignal,
  ): Promise<Result<GreetedLink>> {
    return dialWebSocket(address, config, signal);
  }
}
