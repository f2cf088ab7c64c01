/**
 * EntropyNet for OpenTelemetry: metrics of a manager, spans of connecting and of requests. Only the API is used; without
 * an SDK that is registered all of it does nothing.
 *
 * @packageDocumentation
 */
export { type ConnectionTelemetryOptions, instrumentConnections } from './instrument-connections.js';
export { instrumentManager, type ManagerTelemetryOptions, type MeasuredManager } from './instrument-manager.js';
export { type TracedRequests, traceRequests, type TraceRequestsOptions } from './trace-requests.js';
