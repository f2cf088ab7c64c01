import type { ConnectionManager, ManagerMetrics } from '@entropynet/manager';
import { type Attributes, metrics, type MeterProvider, type Observable } from '@opentelemetry/api';
import { Attribute, INSTRUMENTATION } from './names.js';

/** The part of a manager that is read, whenever metrics are collected and at no other time. */
export type MeasuredManager = Pick<ConnectionManager, 'getManagerMetrics' | 'activeCount' | 'capacity'>;

/** Options of `instrumentManager`. */
export interface ManagerTelemetryOptions {
  /** @default the one that is registered */
  readonly meterProvider?: MeterProvider;
  /** Attributes of all measurements; they tell managers of one process apart. */
  readonly attributes?: Attributes;
}

/** What is counted, and in which direction; the names have no units, which OpenTelemetry keeps beside them. */
interface CounterKind {
  readonly name: string;
  /** As UCUM writes it. */
  readonly unit: string;
  readonly description: string;
  readonly values: readonly (readonly [key: keyof ManagerMetrics, direction?: 'transmit' | 'receive'])[];
}

const COUNTERS: readonly CounterKind[] = [
  {
    name: 'entropynet.io',
    unit: 'By',
    description: 'Payload bytes accepted for sending, and handed to callbacks.',
    values: [
      ['totalBytesSent', 'transmit'],
      ['totalBytesReceived', 'receive'],
    ],
  },
  {
    name: 'entropynet.messages',
    unit: '{message}',
    description: 'Messages accepted for sending, and handed to callbacks.',
    values: [
      ['totalMessagesSent', 'transmit'],
      ['totalMessagesReceived', 'receive'],
    ],
  },
  {
    name: 'entropynet.connections.opened',
    unit: '{connection}',
    description: 'Connections that reached connected.',
    values: [['connectionsOpened']],
  },
  {
    name: 'entropynet.connections.failed',
    unit: '{connection}',
    description: 'Attempts and connections that failed.',
    values: [['connectionsFailed']],
  },
  {
    name: 'entropynet.connections.closed',
    unit: '{connection}',
    description: 'Connections that ended in disconnected.',
    values: [['connectionsClosed']],
  },
  {
    name: 'entropynet.sends.would_block',
    unit: '{send}',
    description: 'Sends refused because there was no room.',
    values: [['wouldBlockSends']],
  },
];

/**
 * Metrics of a manager as observable instruments. They are read when metrics are collected; sending and receiving costs
 * nothing more.
 *
 * @returns takes them away again
 */
export function instrumentManager(manager: MeasuredManager, options: ManagerTelemetryOptions = {}): () => void {
  const meter = (options.meterProvider ?? metrics).getMeter(INSTRUMENTATION);
  const attributes = options.attributes ?? {};
  const counters = COUNTERS.map(({ name, unit, description, values }) => {
    return [meter.createObservableCounter(name, { unit, description }), values] as const;
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
    for (const [counter, values] of counters) {
      for (const [key, direction] of values)
        result.observe(
          counter,
          snapshot[key],
          direction ? { ...attributes, [Attribute.Direction]: direction } : attributes,
        );
    }
    result.observe(active, manager.activeCount(), attributes);
    result.observe(capacity, manager.capacity(), attributes);
  };
  meter.addBatchObservableCallback(observe, observables);
  return () => {
    meter.removeBatchObservableCallback(observe, observables);
  };
}
