/**
 * EntropyNet over WebSocket; `docs/web-socket-protocol.md` describes what travels.
 *
 * @packageDocumentation
 */
export { WebSocketConnection } from './web-socket-connection.js';
export { WebSocketConnectionServer } from './web-socket-connection-server.js';
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
} from './web-socket-options.js';
export { CloseCode as WebSocketCloseCode, MAX_FRAME_BYTES, SUBPROTOCOL } from './web-socket-protocol.js';
export { WebSocketTransport } from './web-socket-transport.js';
export { webSocketTransportModule } from './web-socket-transport.module.js';
