/**
 * EntropyNet over WebSocket; `docs/web-socket-protocol.md` describes what travels.
 *
 * @packageDocumentation
 */
export { WebSocketConnection } from './node/web-socket-connection.js';
export { WebSocketConnectionServer } from './node/web-socket-connection-server.js';
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
} from './protocol/web-socket-options.js';
export { CloseCode as WebSocketCloseCode, MAX_FRAME_BYTES, SUBPROTOCOL } from './protocol/web-socket-protocol.js';
export { WebSocketTransport } from './node/web-socket-transport.js';
export { webSocketTransportModule } from './node/web-socket-transport.module.js';
