/**
 * The connection manager: handles, selection of a transport with fallback, reconnects, and `createNetworking()`.
 *
 * @packageDocumentation
 */
export { ConnectionHandle } from './connection-handle.js';
export { ConnectionManager } from './connection-manager.js';
export { CONNECTION_MANAGER_OPTIONS, type ConnectionManagerOptions } from './connection-manager-options.js';
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
export { ManagedServer } from './managed-server.js';
export type { MissingAddress } from './missing-address.js';
export type { BackendMetrics, ManagerMetrics, RoundTrips } from './metrics-tally.js';
export type { FallbackDiagnostics, PassedOver, Selection } from './selection.js';
