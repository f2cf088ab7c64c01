import {
  type ConnectionConfig,
  type ConnectionServer,
  ConnectionBackend,
  ConnectionType,
  type NetworkConnection,
  OK,
  type OptionsSchema,
  resolveOwnConfig,
  type Result,
  type ServerConfig,
  type Transport,
  type TransportCapabilities,
  type TransportProbe,
} from '@entropynet/core';
import { webSocketSection } from '../protocol/web-socket-options.js';
import { parseWebSocketAddress } from '../protocol/web-socket-address.js';
import { probeWebSocket } from './probe-web-socket.js';
import { WebSocketConnection } from './web-socket-connection.js';
import { WebSocketConnectionServer } from './web-socket-connection-server.js';
import { unavailable } from '../protocol/web-socket-errors.js';

const CAPABILITIES: TransportCapabilities = Object.freeze({
  unreliable: false,
  zeroCopy: false,
  crossProcess: true,
  detectsPeerDeath: true,
  detectsUnresponsive: true,
});

/** The transport for connections over WebSocket, to this machine or another one. */
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

  /**
   * Opens the connection below a WebSocket, through the configuration's agent if it has one, and closes it. Only
   * `connect()` shows whether a WebSocket server answers there.
   */
  probe(config: ConnectionConfig): Promise<TransportProbe> {
    const resolved = resolveOwnConfig(config, webSocketSection);
    if (!resolved.ok) return Promise.resolve(unavailable(resolved.error));
    const parsed = parseWebSocketAddress(resolved.value.endpoint);
    if (!parsed.ok) return Promise.resolve(unavailable(parsed.error));
    return probeWebSocket(parsed.value, resolved.value);
  }

  createConnection(config: ConnectionConfig): NetworkConnection {
    return new WebSocketConnection(config);
  }

  createServer(config: ServerConfig): ConnectionServer {
    return new WebSocketConnectionServer(config);
  }
}
