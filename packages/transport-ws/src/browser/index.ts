/**
 * The client of `@entropynet/transport-ws` for pages and web workers. It uses the platform's own WebSocket.
 *
 * @packageDocumentation
 */
export { WebSocketConnection } from './web-socket-connection.js';
export type {
  Authenticate,
  LookupFunction,
  UpgradeRequest,
  WebSocketCompressionConfig,
  WebSocketCompressionOptions,
  WebSocketConfig,
  WebSocketHeartbeatConfig,
  WebSocketHeartbeatOptions,
  WebSocketOptions,
  WebSocketTlsConfig,
  WebSocketTlsOptions,
} from '../protocol/web-socket-options.js';
export { WebSocketTransport } from './web-socket-transport.js';
export { webSocketTransportModule } from './web-socket-transport.module.js';
