/** What `--only` calls the measurement of many connections over NATS. */
export const NATS_CONNECTIONS = 'nats-connections';

/** Connections over NATS servers of this machine. */
export interface Fleet {
  readonly connections: number;
  /**
   * Servers that listen, and as many clients' hosts; each host has its own two NATS connections, and the connections are shared
   * out evenly.
   */
  readonly pairs: number;
  /** NATS servers: one, or the nodes of a cluster, where both ends of a connection are on different nodes. */
  readonly nodes: number;
}

/** Everything that is measured: connections over one pair of hosts, over several, and over a cluster. */
export const FLEETS: readonly Fleet[] = [
  { connections: 1, pairs: 1, nodes: 1 },
  { connections: 10, pairs: 1, nodes: 1 },
  { connections: 100, pairs: 1, nodes: 1 },
  { connections: 1000, pairs: 1, nodes: 1 },
  { connections: 1000, pairs: 10, nodes: 1 },
  { connections: 1000, pairs: 10, nodes: 3 },
  { connections: 10_000, pairs: 50, nodes: 3 },
];

/** How the tables call a fleet. */
export function nameOfFleet({ connections, pairs, nodes }: Fleet): string {
  const hosts = `${2 * pairs} hosts`;
  const servers = nodes === 1 ? 'one NATS server' : `a cluster of ${nodes}`;
  return `${connections} connections of ${hosts} over ${servers}`;
}
