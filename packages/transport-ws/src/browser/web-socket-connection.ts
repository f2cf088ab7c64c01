import {
  type ConnectionConfig,
  kindOf,
  NetworkError,
  type ResolvedConnectionConfig,
  type Result,
} from '@entropynet/core';
import { GreetedConnection } from '../protocol/greeted-connection.js';
import type { GreetedLink } from '../protocol/greeted-link.js';
import type { WebSocketAddress } from '../protocol/web-socket-address.js';
import { dialPlatformWebSocket } from './dial-platform-web-socket.js';

/** The options of a client that only work in Node.js. */
const ONLY_NODE = ['agent', 'createConnection', 'lookup'] as const;

/** A connection over the platform's WebSocket: in a page, a worker, or a runtime without `ws`. */
export class WebSocketConnection extends GreetedConnection {
  /**
   * @param config a configuration, or just the endpoint. The constructor throws a `NetworkError` (`InvalidParameter`)
   *   for a wrong one, and for options that a page can't use: `headers`, `tls`, `agent`, `createConnection` and
   *   `lookup` of `webSocket`.
   */
  constructor(config: ConnectionConfig | string) {
    super(config);
    const { headers, tls } = this.config.webSocket;
    if (Object.keys(headers).length > 0) throw unsupported('headers', Object.keys(headers).join(', '));
    if (tls !== undefined) throw unsupported('tls', Object.keys(tls).join(', '));
    for (const key of ONLY_NODE)
      if (this.config.webSocket[key] !== undefined) throw unsupported(key, kindOf(this.config.webSocket[key]));
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
  return new NetworkError('InvalidParameter', `'webSocket.${key}' was given ${given}: a page can't set it; remove it`);
}
