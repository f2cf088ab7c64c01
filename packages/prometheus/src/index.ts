/**
 * Exports the metrics of a `ConnectionManager` to Prometheus, with prom-client.
 *
 * @packageDocumentation
 */
export { collectManagerMetrics, type CollectOptions, type MeasuredManager } from './collect-manager-metrics.js';
export { metricsHandler } from './metrics-handler.js';
