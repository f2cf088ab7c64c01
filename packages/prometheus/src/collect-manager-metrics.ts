import type { ConnectionManager, ManagerMetrics } from '@entropynet/manager';
import { Counter, Gauge, register as defaultRegister, type Registry } from 'prom-client';

/** What is asked of a manager, at each scrape and at no other time. */
export type MeasuredManager = Pick<ConnectionManager, 'getManagerMetrics' | 'activeCount' | 'capacity'>;

/** Options of `collectManagerMetrics`. */
export interface CollectOptions {
  /** Where the metrics go. @default prom-client's own registry */
  readonly register?: Registry;
  /** What all names begin with. @default 'entropynet_' */
  readonly prefix?: string;
  /** Labels of all of them; they tell managers of one process apart. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** What prom-client makes of a metric: what only grows, or what goes up and down. */
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
    [Gauge, 'connections_capacity', 'Connections that the manager has places for.', (manager) => manager.capacity()],
  ];

function counters(
  rows: readonly (readonly [suffix: string, help: string, key: keyof ManagerMetrics])[],
): (typeof METRICS)[number][] {
  return rows.map(([suffix, help, key]) => [Counter, suffix, help, (manager) => manager.getManagerMetrics()[key]]);
}

/** Those of one registry and prefix: prom-client has each name once, however many managers there are. */
interface Family {
  readonly managers: Map<MeasuredManager, Readonly<Record<string, string>>>;
  readonly labelNames: readonly string[];
  remove(): void;
}

const families = new WeakMap<Registry, Map<string, Family>>();

/**
 * Adds the metrics of a manager to a registry: they are read when the registry is scraped, and cost nothing in between.
 * Managers of one registry and prefix have the same label names. Throws a `TypeError` for other label names, and for a
 * manager that is collected already.
 *
 * @returns takes them away again
 */
export function collectManagerMetrics(manager: MeasuredManager, options: CollectOptions = {}): () => void {
  const { register = defaultRegister, prefix = 'entropynet_', labels = {} } = options;
  const ofRegister = families.get(register) ?? new Map<string, Family>();
  families.set(register, ofRegister);
  const family = ofRegister.get(prefix) ?? newFamily(register, prefix, Object.keys(labels));
  ofRegister.set(prefix, family);
  const names = family.labelNames.join();
  if (names !== Object.keys(labels).join()) {
    throw new TypeError(
      `labels were given ${Object.keys(labels).join() || 'none'}; other managers have ${names || 'none'}`,
    );
  }
  if (family.managers.has(manager)) throw new TypeError('this manager is collected already');
  family.managers.set(manager, labels);
  return () => {
    family.managers.delete(manager);
    if (family.managers.size > 0 || ofRegister.get(prefix) !== family) return;
    ofRegister.delete(prefix);
    family.remove();
  };
}

function newFamily(register: Registry, prefix: string, labelNames: string[]): Family {
  const managers: Family['managers'] = new Map();
  for (const [Metric, suffix, help, read] of METRICS) {
    new Metric({
      name: prefix + suffix,
      help,
      labelNames,
      registers: [register],
      collect() {
        // The manager has the value. Both kinds can be counted up from nothing, and a counter in no other way.
        this.reset();
        for (const [manager, labels] of managers) this.inc(labels, read(manager));
      },
    });
  }
  return {
    managers,
    labelNames,
    remove: () => {
      for (const [, suffix] of METRICS) register.removeSingleMetric(prefix + suffix);
    },
  };
}
