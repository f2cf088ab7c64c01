import {
  type ConnectionConfig,
  type ConnectionServer,
  ConnectionBackend,
  ConnectionType,
  type NetworkConnection,
  NetworkError,
  OK,
  type OptionsSchema,
  redactEndpoint,
  resolveOwnConfig,
  type Result,
  type Transport,
  type TransportCapabilities,
  type TransportProbe,
} from '@entropynet/core';
import { webSocketSection } from '../protocol/web-socket-options.js';
import { parseWebSocketAddress } from '../protocol/web-socket-address.js';
import { unavailable } from '../protocol/web-socket-errors.js';
import { openPlatformWebSocket } from './dial-platform-web-socket.js';
import { WebSocketConnection } from './web-socket-connection.js';

const CAPABILITIES: TransportCapabilities = Object.freeze({
  unreliable: false,
  zeroCopy: false,
  crossProcess: true,
  detectsPeerDeath: true,
  detectsUnresponsive: false,
});

/** The transport for pages: connections over the platform's WebSocket, to servers of `@entropynet/transport-ws`. */
export class WebSocketTransport implements Transport {
  readonly backend = ConnectionBackend.WebSocket;
  readonly schemes: readonly string[] = ['ws', 'wss'];
  readonly connectionType = ConnectionType.Remote;
  readonly capabilities = CAPABILITIES;
  readonly isProbedByConnecting = true;
  readonly preference = 0;
  readonly optionsKey = webSocketSection.optionsKey;
  readonly optionsSchema: OptionsSchema = webSocketSection.optionsSchema;

  /** Checks whether the endpoint is a WebSocket URL. `InvalidParameter`: it is not. */
  checkEndpoint(endpoint: string): Result {
    const parsed = parseWebSocketAddress(endpoint);
    return parsed.ok ? OK : parsed;
  }

  /** Opens a WebSocket and closes it: a page has no other way to check an endpoint. */
  async probe(config: ConnectionConfig): Promise<TransportProbe> {
    const resolved = resolveOwnConfig(config, webSocketSection);
    if (!resolved.ok) return unavailable(resolved.error);
    const address = parseWebSocketAddress(resolved.value.endpoint);
    if (!address.ok) return unavailable(address.error);
    const limitMs = resolved.value.connectTimeoutMs;
    const opened = await openPlatformWebSocket(address.value, AbortSignal.timeout(limitMs), (webSocket) => {
      webSocket.close();
    });
    if (opened.ok) return { available: true };
    if (opened.error.code !== 'Aborted') return unavailable(opened.error);
    return unavailable(
      new NetworkError(
        'Timeout',
        `${redactEndpoint(address.value.url.href)} does not answer within ${limitMs} ms (connectTimeoutMs)`,
      ),
    );
  }

  createConnection(config: ConnectionConfig): NetworkConnection {
    return new WebSocketConnection(config);
  }

  /** Throws a `NetworkError` (`NotSupported`): a page can't listen. */
  createServer(): ConnectionServer {
    throw new NetworkError('NotSupported', "a page can't listen: let it connect to a server");
  }
}
