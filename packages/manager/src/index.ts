/**
 * The connection manager: handles, selection of a transport with fallback, reconnects, and `createNetworking()`.
 *
 * @packageDocumentation
 */
export { ConnectionHandle } from './connection-handle.js';
export { CONNECTION_MANAGER_OPTIONS, ConnectionManager, type ConnectionManagerOptions } from './connection-manager.js';
export { connectionManagerModule } from './connection-manager.module.js';
export { createNetworking, type Networking, type NetworkingOptions } from './create-networking.js';
export type {
  ConnectedListener,
  HandleEvents,
  Reconnected,
  ReconnectAttempt,
  ReconnectEvents,
  ReconnectionStatus,
} from './handle-events.js';
export { ManagedServer, type MissingAddress } from './managed-server.js';
export type { BackendMetrics, ManagerMetrics, RoundTrips } from './metrics-tally.js';
export type { FallbackDiagnostics, PassedOver, Selection } from './selection.js';
