import type { ConnectionManager, ManagerMetrics } from '@entropynet/manager';
import { type Attributes, metrics, type MeterProvider, type Observable } from '@opentelemetry/api';
import { INSTRUMENTATION } from './names.js';

/** What is asked of a manager, whenever metrics are collected and at no other time. */
export type MeasuredManager = Pick<ConnectionManager, 'getManagerMetrics' | 'activeCount' | 'capacity'>;

/** Options of `instrumentManager`. */
export interface ManagerTelemetryOptions {
  /** @default the one that is registered */
  readonly meterProvider?: MeterProvider;
  /** Attributes of all measurements; they tell managers of one process apart. */
  readonly attributes?: Attributes;
}

const COUNTERS: readonly (readonly [name: string, unit: string, description: string, key: keyof ManagerMetrics])[] = [
  ['entropynet.sent.bytes', 'By', 'Payload bytes accepted for sending.', 'totalBytesSent'],
  ['entropynet.received.bytes', 'By', 'Payload bytes handed to callbacks.', 'totalBytesReceived'],
  ['entropynet.sent.messages', '{message}', 'Messages accepted for sending.', 'totalMessagesSent'],
  ['entropynet.received.messages', '{message}', 'Messages handed to callbacks.', 'totalMessagesReceived'],
  ['entropynet.connections.opened', '{connection}', 'Connections that reached connected.', 'connectionsOpened'],
  ['entropynet.connections.failed', '{connection}', 'Attempts and connections that failed.', 'connectionsFailed'],
  ['entropynet.connections.closed', '{connection}', 'Connections that ended in disconnected.', 'connectionsClosed'],
  ['entropynet.sends.would_block', '{send}', 'Sends refused because there was no room.', 'wouldBlockSends'],
];

/**
 * Metrics of a manager as observable instruments: read when they are collected; sending and receiving does nothing for
 * them.
 *
 * @returns takes them away again
 */
export function instrumentManager(manager: MeasuredManager, options: ManagerTelemetryOptions = {}): () => void {
  const meter = (options.meterProvider ?? metrics).getMeter(INSTRUMENTATION);
  const attributes = options.attributes ?? {};
  const counters = COUNTERS.map(([name, unit, description, key]) => {
    return [meter.createObservableCounter(name, { unit, description }), key] as const;
  });
  const active = meter.createObservableUpDownCounter('entropynet.connections', {
    unit: '{connection}',
    description: 'Connections that the manager holds now.',
  });
  const capacity = meter.createObservableUpDownCounter('entropynet.connections.capacity', {
    unit: '{connection}',
    description: 'Connections that the manager has places for.',
  });
  const observables: Observable[] = [...counters.map(([counter]) => counter), active, capacity];
  const observe: Parameters<typeof meter.addBatchObservableCallback>[0] = (result) => {
    const snapshot = manager.getManagerMetrics();
    for (const [counter, key] of counters) result.observe(counter, snapshot[key], attributes);
    result.observe(active, manager.activeCount(), attributes);
    result.observe(capacity, manager.capacity(), attributes);
  };
  meter.addBatchObservableCallback(observe, observables);
  return () => {
    meter.removeBatchObservableCallback(observe, observables);
  };
}
