import { type ConnectionConfig, NetworkError, type ResolvedConnectionConfig, type Result } from '@entropynet/core';
import { GreetedConnection } from '../protocol/greeted-connection.js';
import type { GreetedLink } from '../protocol/greeted-link.js';
import type { WebSocketAddress } from '../protocol/web-socket-address.js';
import { dialPlatformWebSocket } from './dial-platform-web-socket.js';

/** A connection over the platform's WebSocket: in a page, a worker, or a runtime without `ws`. */
export class WebSocketConnection extends GreetedConnection {
  /**
   * @param config a configuration, or just the endpoint. Throws a `NetworkError` (`InvalidParameter`) for a wrong one,
   * and for `webSocket.headers` and `webSocket.tls`, over which a page has no power.
   */
  constructor(config: ConnectionConfig | string) {
    super(config);
    const { headers, tls } = this.config.webSocket;
    if (Object.keys(headers).length > 0) throw unsupported('headers', Object.keys(headers).join(', '));
    if (tls !== undefined) throw unsupported('tls', Object.keys(tls).join(', '));
  }

  protected dial(
    address: WebSocketAddress,
    config: ResolvedConnectionConfig,
    signal: AbortSignal,
  ): Promise<Result<GreetedLink>> {
    return dialPlatformWebSocket(address, config, signal);
  }
}

function unsupported(key: string, given: string): NetworkError {
  return new NetworkError(
    'InvalidParameter',
    `'webSocket.${key}' was given ${given}: a page has no say in it; leave it out`,
  );
}
