/**
 * The metrics of a `ConnectionManager` for Prometheus, on prom-client.
 *
 * @packageDocumentation
 */
export { collectManagerMetrics, type CollectOptions, type MeasuredManager } from './collect-manager-metrics.js';
export { metricsHandler } from './metrics-handler.js';
