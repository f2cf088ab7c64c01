import type { BackendMetrics, ConnectionManager, ManagerMetrics, RoundTrips } from '@entropynet/manager';
import { checkArguments } from './check-arguments.js';
import { Counter, Gauge, type Metric, register as defaultRegister, type Registry } from 'prom-client';

/** The methods of a manager that each scrape calls. */
export type MeasuredManager = Pick<ConnectionManager, 'getManagerMetrics' | 'activeCount' | 'capacity'> &
  Partial<Pick<ConnectionManager, 'getBackendMetrics'>>;

/** Options of `collectManagerMetrics`. */
export interface CollectOptions {
  /** The registry that gets the metrics. @default prom-client's own registry */
  readonly register?: Registry;
  /** The prefix of all names. @default 'entropynet_' */
  readonly prefix?: string;
  /**
   * Labels of all metrics. Use them to distinguish the managers of a process: managers with the same labels count
   * together.
   */
  readonly labels?: Readonly<Record<string, string>>;
}

/** The kinds of metrics in prom-client: a counter only grows, a gauge goes up and down. */
type Kind = typeof Counter | typeof Gauge;

const METRICS: readonly (readonly [Kind, suffix: string, help: string, read: (manager: MeasuredManager) => number])[] =
  [
    ...counters([
      ['sent_bytes_total', 'Payload bytes accepted for sending.', 'totalBytesSent'],
      ['received_bytes_total', 'Payload bytes handed to callbacks.', 'totalBytesReceived'],
      ['sent_messages_total', 'Messages accepted for sending.', 'totalMessagesSent'],
      ['received_messages_total', 'Messages handed to callbacks.', 'totalMessagesReceived'],
      ['connections_opened_total', 'Connections that reached connected, adopted ones included.', 'connectionsOpened'],
      ['connections_failed_total', 'Attempts that failed, and connections that ended in failed.', 'connectionsFailed'],
      ['connections_closed_total', 'Connections that ended in disconnected.', 'connectionsClosed'],
      ['would_block_sends_total', 'Sends that were refused because there was no room.', 'wouldBlockSends'],
    ]),
    [Gauge, 'connections', 'Connections that the manager holds now.', (manager) => manager.activeCount()],
    [Gauge, 'connections_capacity', 'Connections that the manager allows.', (manager) => manager.capacity()],
  ];

/** The label that names the transport. Only the metrics of single transports have it; the sums are separate metrics. */
const BACKEND = 'backend';

const MS_PER_SECOND = 1000;

/** The metrics of one transport, of which sums make sense. */
const BACKEND_METRICS: readonly (readonly [
  Kind,
  suffix: string,
  help: string,
  read: (metrics: BackendMetrics) => number,
])[] = [
  [Gauge, 'backend_connections', 'Open connections, by transport.', (m) => m.connections],
  [Counter, 'backend_sent_bytes_total', 'Payload bytes accepted for sending, by transport.', (m) => m.bytesSent],
  [Counter, 'backend_received_bytes_total', 'Payload bytes handed to callbacks, by transport.', (m) => m.bytesReceived],
  [Counter, 'backend_sent_messages_total', 'Messages accepted for sending, by transport.', (m) => m.messagesSent],
  [
    Counter,
    'backend_received_messages_total',
    'Messages handed to callbacks, by transport.',
    (m) => m.messagesReceived,
  ],
  [Counter, 'backend_connections_opened_total', 'Connections that reached connected.', (m) => m.connectionsOpened],
  [Counter, 'backend_connections_failed_total', 'Attempts and connections that failed.', (m) => m.connectionsFailed],
  [Counter, 'backend_connections_closed_total', 'Connections that ended in disconnected.', (m) => m.connectionsClosed],
  [Counter, 'backend_would_block_sends_total', 'Sends refused because there was no room.', (m) => m.wouldBlockSends],
  [Gauge, 'backend_unconfirmed_bytes', 'Payload bytes that peers have not confirmed.', (m) => m.unconfirmedBytes],
];

/** The gauges of the round trips of one transport. */
const ROUND_TRIPS: readonly (readonly [suffix: string, help: string, read: (roundTrips: RoundTrips) => number])[] = [
  ['backend_round_trip_mean_seconds', 'Mean of the last round trips of connections.', ({ mean }) => mean],
  ['backend_round_trip_max_seconds', 'Longest of the last round trips of connections.', ({ max }) => max],
];

function counters(
  rows: readonly (readonly [suffix: string, help: string, key: keyof ManagerMetrics])[],
): (typeof METRICS)[number][] {
  return rows.map(([suffix, help, key]) => [Counter, suffix, help, (manager) => manager.getManagerMetrics()[key]]);
}

/** A measurement with its labels. */
type Value = readonly [labels: Readonly<Record<string, string>>, value: number];

/** The metrics of one registry and prefix. All managers share them, because prom-client allows each name once. */
interface Family {
  readonly managers: Map<MeasuredManager, Readonly<Record<string, string>>>;
  readonly labelNames: readonly string[];
  readonly metrics: readonly Metric[];
}

const families = new WeakMap<Registry, Map<string, Family>>();

/**
 * Adds the metrics of a manager to a registry. Each scrape reads them; between scrapes they cost nothing. All managers
 * of one registry and prefix must have the same label names, in any order. After `registry.clear()` you can add
 * managers again. Throws a `TypeError` and adds nothing for a wrong argument or option, for other label names, for a
 * manager that the registry has already, and for a name that the registry has from another source.
 *
 * @returns a function that removes the metrics
 */
export function collectManagerMetrics(manager: MeasuredManager, options: CollectOptions = {}): () => void {
  checkArguments(manager, options);
  const { register = defaultRegister, prefix = 'entropynet_' } = options;
  // A copy, because each scrape reads the labels, and the program may change its own object.
  const labels = { ...options.labels };
  const ofRegister = families.get(register) ?? new Map<string, Family>();
  families.set(register, ofRegister);
  const family = standingFamily(register, ofRegister.get(prefix)) ?? newFamily(register, prefix, Object.keys(labels));
  ofRegister.set(prefix, family);
  const wanted = sorted(family.labelNames);
  const given = sorted(Object.keys(labels));
  if (wanted !== given)
    throw new TypeError(`labels were given ${given || 'none'}; other managers have ${wanted || 'none'}`);
  if (family.managers.has(manager)) throw new TypeError('this manager is collected already');
  family.managers.set(manager, labels);
  return () => {
    if (family.managers.get(manager) !== labels) return;
    family.managers.delete(manager);
    if (family.managers.size > 0 || ofRegister.get(prefix) !== family) return;
    ofRegister.delete(prefix);
    removeFrom(register, family.metrics);
  };
}

/** Returns the family if the registry still has all its metrics: the program may have removed some. */
function standingFamily(register: Registry, family: Family | undefined): Family | undefined {
  if (family === undefined) return undefined;
  const isThere = (metric: Metric): boolean => register.getSingleMetric(nameOf(metric)) === metric;
  if (family.metrics.every(isThere)) return family;
  removeFrom(register, family.metrics);
  return undefined;
}

function newFamily(register: Registry, prefix: string, labelNames: string[]): Family {
  const managers: Family['managers'] = new Map();
  const metrics: Metric[] = [];
  const add = (Metric: Kind, suffix: string, help: string, names: string[], values: () => Iterable<Value>): void => {
    const name = prefix + suffix;
    if (register.getSingleMetric(name) !== undefined)
      throw new TypeError(`the registry has a metric ${name} already: choose another prefix`);
    const metric = new Metric({
      name,
      help,
      labelNames: names,
      registers: [register],
      collect() {
        // The manager has the total. A counter can only be increased, so reset it and add the total.
        this.reset();
        for (const [labels, value] of values()) this.inc(labels, value);
      },
    });
    metrics.push(metric);
  };
  try {
    if (labelNames.includes(BACKEND))
      throw new TypeError(`labels were given '${BACKEND}', which tells transports apart: choose another name`);
    for (const [Metric, suffix, help, read] of METRICS)
      add(Metric, suffix, help, labelNames, () => [...managers].map(([manager, labels]) => [labels, read(manager)]));
    for (const [Metric, suffix, help, read] of BACKEND_METRICS)
      add(Metric, suffix, help, [...labelNames, BACKEND], () =>
        backendsOf(managers).map(([labels, metrics]) => [labels, read(metrics)]),
      );
    for (const [suffix, help, read] of ROUND_TRIPS)
      add(Gauge, suffix, help, [...labelNames, BACKEND], () =>
        roundTripsOf(managers).map(([labels, roundTrips]) => [labels, read(roundTrips) / MS_PER_SECOND]),
      );
  } catch (error) {
    removeFrom(register, metrics);
    throw error;
  }
  return { managers, labelNames, metrics };
}

type Labelled<T> = readonly [labels: Readonly<Record<string, string>>, T];

function backendsOf(managers: Family['managers']): Labelled<BackendMetrics>[] {
  return [...managers].flatMap(([manager, labels]) =>
    Object.entries(manager.getBackendMetrics?.() ?? {}).map(([backend, metrics]): Labelled<BackendMetrics> => [
      { ...labels, [BACKEND]: backend },
      metrics,
    ]),
  );
}

/** Managers with the same labels have one mean and one maximum. Their sum would be no round trip. */
function roundTripsOf(managers: Family['managers']): Labelled<RoundTrips>[] {
  const joined = new Map<string, Labelled<RoundTrips>>();
  for (const [labels, { roundTripMs }] of backendsOf(managers)) {
    if (roundTripMs === undefined) continue;
    const key = JSON.stringify(Object.entries(labels).sort());
    const before = joined.get(key);
    joined.set(key, [labels, before === undefined ? roundTripMs : together(before[1], roundTripMs)]);
  }
  return [...joined.values()];
}

function together(one: RoundTrips, other: RoundTrips): RoundTrips {
  const count = one.count + other.count;
  const mean = (one.mean * one.count + other.mean * other.count) / count;
  return { count, mean, max: Math.max(one.max, other.max) };
}

/** Removes these metrics, but no other metric of the same name. */
function removeFrom(register: Registry, metrics: readonly Metric[]): void {
  for (const metric of metrics) {
    const name = nameOf(metric);
    if (register.getSingleMetric(name) === metric) register.removeSingleMetric(name);
  }
}

function nameOf(metric: Metric): string {
  // prom-client's types do not declare the name.
  return (metric as Metric & { readonly name: string }).name;
}

function sorted(names: readonly string[]): string {
  return [...names].sort().join();
}
