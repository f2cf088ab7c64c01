/**
 * Exports metrics of managers, and spans of connection attempts and requests, to OpenTelemetry. It uses only the API:
 * without a registered SDK it does nothing.
 *
 * @packageDocumentation
 */
export { type ConnectionTelemetryOptions, instrumentConnections } from './instrument-connections.js';
export { instrumentManager, type ManagerTelemetryOptions, type MeasuredManager } from './instrument-manager.js';
export { type TracedRequests, traceRequests, type TraceRequestsOptions } from './trace-requests.js';
