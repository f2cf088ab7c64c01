/**
 * EntropyNet over the platform's own WebSocket, for pages and workers: the client's half of `@entropynet/transport-ws`.
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
