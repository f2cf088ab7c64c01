import { checkOptions, kindOf } from '@entropynet/core';
import type { BackendMetrics, ConnectionManager, ManagerMetrics } from '@entropynet/manager';
import {
  type Attributes,
  createNoopMeter,
  type Meter,
  metrics,
  type MeterProvider,
  type Observable,
} from '@opentelemetry/api';
import { joinedBackends, joinedTotals } from './joined-metrics.js';
import { Attribute, INSTRUMENTATION } from './names.js';
import { METER_PROVIDER } from './providers.js';

/** The methods of a manager that each collection of metrics calls. */
export type MeasuredManager = Pick<ConnectionManager, 'getManagerMetrics' | 'activeCount' | 'capacity'> &
  Partial<Pick<ConnectionManager, 'getBackendMetrics'>>;

/** Options of `instrumentManager`. */
export interface ManagerTelemetryOptions {
  /** The provider of meters. @default the registered one */
  readonly meterProvider?: MeterProvider;
  /**
   * Attributes of all measurements. Use them to distinguish the managers of a process: managers with the same attributes
   * count together.
   */
  readonly attributes?: Attributes;
}

const OPTIONS = { meterProvider: METER_PROVIDER, attributes: 'an object' } as const;

/** A counter and its direction. The name has no unit, because OpenTelemetry has a field for it. */
interface CounterKind {
  readonly name: string;
  /** The unit in UCUM notation. */
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

/** A measurement of one transport. It is a gauge if it goes up and down and a sum makes no sense. */
interface BackendKind {
  readonly name: string;
  /** The unit in UCUM notation. */
  readonly unit: string;
  readonly description: string;
  readonly kind: 'counter' | 'up-down' | 'gauge';
  readonly values: readonly (readonly [
    read: (metrics: BackendMetrics) => number | undefined,
    direction?: 'transmit' | 'receive',
  ])[];
}

const MS_PER_SECOND = 1000;

const BACKEND_KINDS: readonly BackendKind[] = [
  {
    name: 'entropynet.backend.connections',
    unit: '{connection}',
    description: 'Open connections, by transport.',
    kind: 'up-down',
    values: [[(metrics) => metrics.connections]],
  },
  {
    name: 'entropynet.backend.io',
    unit: 'By',
    description: 'Payload bytes accepted for sending, and handed to callbacks, by transport.',
    kind: 'counter',
    values: [
      [(metrics) => metrics.bytesSent, 'transmit'],
      [(metrics) => metrics.bytesReceived, 'receive'],
    ],
  },
  {
    name: 'entropynet.backend.messages',
    unit: '{message}',
    description: 'Messages accepted for sending, and handed to callbacks, by transport.',
    kind: 'counter',
    values: [
      [(metrics) => metrics.messagesSent, 'transmit'],
      [(metrics) => metrics.messagesReceived, 'receive'],
    ],
  },
  {
    name: 'entropynet.backend.connections.opened',
    unit: '{connection}',
    description: 'Connections that reached connected, by transport.',
    kind: 'counter',
    values: [[(metrics) => metrics.connectionsOpened]],
  },
  {
    name: 'entropynet.backend.connections.failed',
    unit: '{connection}',
    description: 'Attempts and connections that failed, by transport.',
    kind: 'counter',
    values: [[(metrics) => metrics.connectionsFailed]],
  },
  {
    name: 'entropynet.backend.connections.closed',
    unit: '{connection}',
    description: 'Connections that ended in disconnected, by transport.',
    kind: 'counter',
    values: [[(metrics) => metrics.connectionsClosed]],
  },
  {
    name: 'entropynet.backend.sends.would_block',
    unit: '{send}',
    description: 'Sends refused because there was no room, by transport.',
    kind: 'counter',
    values: [[(metrics) => metrics.wouldBlockSends]],
  },
  {
    name: 'entropynet.backend.unconfirmed',
    unit: 'By',
    description: 'Payload bytes that peers have not confirmed, by transport.',
    kind: 'up-down',
    values: [[(metrics) => metrics.unconfirmedBytes]],
  },
  {
    name: 'entropynet.backend.round_trip.mean',
    unit: 's',
    description: 'Mean of the last round trips of connections, by transport.',
    kind: 'gauge',
    values: [[({ roundTripMs }) => roundTripMs && roundTripMs.mean / MS_PER_SECOND]],
  },
  {
    name: 'entropynet.backend.round_trip.max',
    unit: 's',
    description: 'Longest of the last round trips of connections, by transport.',
    kind: 'gauge',
    values: [[({ roundTripMs }) => roundTripMs && roundTripMs.max / MS_PER_SECOND]],
  },
];

/** The managers of one meter with the same attributes. */
interface Group {
  /** A manager is there once for each call that has not ended. */
  readonly managers: MeasuredManager[];
  /** Ends the measurement. */
  readonly stop: () => void;
}

const groups = new WeakMap<Meter, Map<string, Group>>();

/**
 * Records the metrics of a manager with observable instruments. Each collection reads them, so sending and receiving do
 * not get slower.
 *
 * @returns a function that removes the instruments
 */
export function instrumentManager(manager: MeasuredManager, options: ManagerTelemetryOptions = {}): () => void {
  checkOptions('instrumentManager()', options, OPTIONS);
  const { getManagerMetrics, activeCount, capacity: limit } = (manager as Partial<MeasuredManager> | null) ?? {};
  if (![getManagerMetrics, activeCount, limit].every((method) => typeof method === 'function'))
    throw new TypeError(`instrumentManager() takes a ConnectionManager; ${kindOf(manager)} was given`);
  const meter = (options.meterProvider ?? metrics).getMeter(INSTRUMENTATION);
  // Without an SDK. All programs share this meter, which must not keep their managers.
  if (meter === createNoopMeter()) return () => undefined;
  const attributes = { ...options.attributes };
  const ofMeter = groups.get(meter) ?? new Map<string, Group>();
  groups.set(meter, ofMeter);
  const key = JSON.stringify(Object.entries(attributes).sort());
  // An SDK keeps one of several measurements with the same attributes, so one callback measures all those managers.
  const group = ofMeter.get(key) ?? newGroup(meter, attributes);
  ofMeter.set(key, group);
  group.managers.push(manager);
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    group.managers.splice(group.managers.indexOf(manager), 1);
    if (group.managers.length > 0) return;
    ofMeter.delete(key);
    group.stop();
  };
}

function newGroup(meter: Meter, attributes: Attributes): Group {
  const managers: MeasuredManager[] = [];
  return { managers, stop: observeManagers(meter, managers, attributes) };
}

/** Measures the managers together. Returns a function that ends that. */
function observeManagers(meter: Meter, managers: readonly MeasuredManager[], attributes: Attributes): () => void {
  const counters = COUNTERS.map(({ name, unit, description, values }) => {
    return [meter.createObservableCounter(name, { unit, description }), values] as const;
  });
  const active = meter.createObservableUpDownCounter('entropynet.connections', {
    unit: '{connection}',
    description: 'Connections that the manager holds now.',
  });
  const capacity = meter.createObservableUpDownCounter('entropynet.connections.capacity', {
    unit: '{connection}',
    description: 'Connections that the manager allows.',
  });
  const ofBackends = BACKEND_KINDS.map((kind) => [instrumentOf(meter, kind), kind.values] as const);
  const observables: Observable[] = [
    ...counters.map(([counter]) => counter),
    active,
    capacity,
    ...ofBackends.map(([instrument]) => instrument),
  ];
  const observe: Parameters<typeof meter.addBatchObservableCallback>[0] = (result) => {
    const all = [...new Set(managers)];
    const sumOf = (read: (manager: MeasuredManager) => number): number =>
      all.reduce((sum, manager) => sum + read(manager), 0);
    const totals = joinedTotals(all.map((manager) => manager.getManagerMetrics()));
    for (const [counter, values] of counters) {
      for (const [key, direction] of values)
        result.observe(
          counter,
          totals[key],
          direction ? { ...attributes, [Attribute.Direction]: direction } : attributes,
        );
    }
    result.observe(
      active,
      sumOf((manager) => manager.activeCount()),
      attributes,
    );
    result.observe(
      capacity,
      sumOf((manager) => manager.capacity()),
      attributes,
    );
    for (const [backend, metrics] of joinedBackends(all.map((manager) => manager.getBackendMetrics?.() ?? {}))) {
      for (const [instrument, values] of ofBackends) {
        for (const [read, direction] of values) {
          const value = read(metrics);
          const own = { ...attributes, [Attribute.Backend]: backend };
          if (value !== undefined)
            result.observe(instrument, value, direction ? { ...own, [Attribute.Direction]: direction } : own);
        }
      }
    }
  };
  meter.addBatchObservableCallback(observe, observables);
  return () => {
    meter.removeBatchObservableCallback(observe, observables);
  };
}

function instrumentOf(meter: Meter, { name, unit, description, kind }: BackendKind): Observable {
  if (kind === 'counter') return meter.createObservableCounter(name, { unit, description });
  if (kind === 'up-down') return meter.createObservableUpDownCounter(name, { unit, description });
  return meter.createObservableGauge(name, { unit, description });
}
