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
   * @param accepted for a server: a link after the handshake
   */
  constructor(config: ConnectionConfig | string, accepted?: GreetedLink) {
    super(config, accepted);
    checkTlsKeys(this.config.webSocket.tls);
  }

  /**
   * The round trip of the last ping, in milliseconds. It includes the time that the ping waited behind other data. This
   * side sends a ping every `webSocket.heartbeat.intervalMs`. Undefined before the first answer, and while not
   * connected.
   */
  override get roundTripMs(): number | undefined {
    return this.link instanceof WebSocketLink ? this.link.roundTripMs : undefined;
  }

  /**
   * The peer's address as `host:port`. Behind a proxy, the address of the proxy. Undefined while not connected over
   * TCP.
   */
  get remoteAddress(): string | undefined {
    return this.link instanceof WebSocketLink ? this.link.addresses?.remote : undefined;
  }

  /**
   * A text that identifies the connection at both ends, for monitoring: the addresses of both ends. Undefined while not
   * connected over TCP. With a proxy or address translation between the ends, their texts differ.
   */
  override get linkKey(): string | undefined {
    const addresses = this.link instanceof WebSocketLink ? this.link.addresses : undefined;
    return addresses && `tcp-${[addresses.local, addresses.remote].sort().join('-')}`;
  }

  /** For servers: whether the client left before the program received from it, and left no message. */
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
