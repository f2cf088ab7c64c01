import { connect } from 'node:net';
import {
  type ConnectionConfig,
  type ConnectionServer,
  ConnectionBackend,
  ConnectionType,
  type NetworkConnection,
  NetworkError,
  OK,
  type OptionsSchema,
  resolveOwnConfig,
  type Result,
  type ServerConfig,
  type Transport,
  type TransportCapabilities,
  type TransportProbe,
} from '@entropynet/core';
import { startLimit } from '@entropynet/core/platform';
import { webSocketSection } from '../protocol/web-socket-options.js';
import { formatHostPort, parseWebSocketAddress } from '../protocol/web-socket-address.js';
import { WebSocketConnection } from './web-socket-connection.js';
import { WebSocketConnectionServer } from './web-socket-connection-server.js';
import { connectErrorOf, unavailable } from '../protocol/web-socket-errors.js';

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

  /** Opens a TCP connection and closes it. Only `connect()` shows whether a WebSocket server answers there. */
  probe(config: ConnectionConfig): Promise<TransportProbe> {
    const resolved = resolveOwnConfig(config, webSocketSection);
    if (!resolved.ok) return Promise.resolve(unavailable(resolved.error));
    const parsed = parseWebSocketAddress(resolved.value.endpoint);
    if (!parsed.ok) return Promise.resolve(unavailable(parsed.error));
    const { host, port } = parsed.value;
    const limitMs = resolved.value.connectTimeoutMs;
    return new Promise((resolve) => {
      const socket = connect({ host, port });
      const stopLimit = startLimit(() => {
        const where = formatHostPort(host, port);
        settle(
          unavailable(new NetworkError('Timeout', `${where} does not answer within ${limitMs} ms (connectTimeoutMs)`)),
        );
      }, limitMs);
      const settle = (probe: TransportProbe): void => {
        stopLimit();
        socket.destroy();
        resolve(probe);
      };
      socket.once('connect', () => {
        settle({ available: true });
      });
      socket.on('error', (error) => {
        settle(unavailable(connectErrorOf(error, parsed.value)));
      });
    });
  }

  createConnection(config: ConnectionConfig): NetworkConnection {
    return new WebSocketConnection(config);
  }

  createServer(config: ServerConfig): ConnectionServer {
    return new WebSocketConnectionServer(config);
  }
}
