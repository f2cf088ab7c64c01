import type { ConnectionBackend, NetworkConnection } from '@entropynet/core';

/** The counters of a manager since its creation. Each state change counts once. */
export interface ManagerMetrics {
  /** Payload bytes accepted for sending. */
  readonly totalBytesSent: number;
  /** Payload bytes handed to callbacks. */
  readonly totalBytesReceived: number;
  /** Messages accepted for sending. */
  readonly totalMessagesSent: number;
  /** Messages handed to callbacks. */
  readonly totalMessagesReceived: number;
  /** Connections that reached `connected`, adopted ones included. */
  readonly connectionsOpened: number;
  /** Attempts to connect that failed, and connections that ended in `failed`. */
  readonly connectionsFailed: number;
  /** Connections that ended in `disconnected`. */
  readonly connectionsClosed: number;
  /** `trySend` calls that returned `WouldBlock`. */
  readonly wouldBlockSends: number;
}

/** The counters of one transport. The sums over all transports are `ManagerMetrics`. */
export interface BackendMetrics {
  /** Connections that are open now. */
  readonly connections: number;
  /** Payload bytes accepted for sending. */
  readonly bytesSent: number;
  /** Payload bytes handed to callbacks. */
  readonly bytesReceived: number;
  /** Messages accepted for sending. */
  readonly messagesSent: number;
  /** Messages handed to callbacks. */
  readonly messagesReceived: number;
  /** Connections that reached `connected`, adopted ones included. */
  readonly connectionsOpened: number;
  /**
   * Connections that ended in `failed`, and attempts to connect that failed on every transport: such an attempt counts
   * for the transport that it tried first.
   */
  readonly connectionsFailed: number;
  /** Connections that ended in `disconnected`. */
  readonly connectionsClosed: number;
  /** `trySend` calls that returned `WouldBlock`. */
  readonly wouldBlockSends: number;
  /** An upper bound of the payload bytes that the peers of open connections have not confirmed. */
  readonly unconfirmedBytes: number;
  /** The round trips of the open connections that measure them. Undefined if none does. */
  readonly roundTripMs: RoundTrips | undefined;
}

/** The last round trips of several connections, in milliseconds. */
export interface RoundTrips {
  /** The number of connections that measure theirs. */
  readonly count: number;
  /** The mean of the round trips. */
  readonly mean: number;
  /** The longest round trip. */
  readonly max: number;
}

/** Counts state changes, and keeps the counters of connections that have ended. */
export class MetricsTally {
  readonly #byBackend = new Map<ConnectionBackend, BackendTally>();

  /** @param backends the transports that the metrics contain before their first connection */
  constructor(backends: readonly ConnectionBackend[]) {
    for (const backend of backends) this.#of(backend);
  }

  /** Counts a connection that became `connected`. */
  opened(connection: NetworkConnection): void {
    this.#of(connection.getBackend()).opened(connection);
  }

  /** Counts the end of an open connection, once. @returns whether this call counted it */
  ended(connection: NetworkConnection, hasFailed: boolean): boolean {
    return this.#of(connection.getBackend()).ended(connection, hasFailed);
  }

  /** Counts a `connect()` for which every candidate failed. @param backend the transport of the first candidate */
  connectFailed(backend: ConnectionBackend): void {
    this.#of(backend).failed += 1;
  }

  /** Returns the counters of ended and open connections together. */
  snapshot(): ManagerMetrics {
    const all = [...this.#byBackend.values()];
    const total = all.map((tally) => tally.totals()).reduce(added, NOTHING);
    const sumOf = (key: 'openedCount' | 'failed' | 'closed'): number => all.reduce((sum, tally) => sum + tally[key], 0);
    return Object.freeze({
      totalBytesSent: total.bytesSent,
      totalBytesReceived: total.bytesReceived,
      totalMessagesSent: total.messagesSent,
      totalMessagesReceived: total.messagesReceived,
      connectionsOpened: sumOf('openedCount'),
      connectionsFailed: sumOf('failed'),
      connectionsClosed: sumOf('closed'),
      wouldBlockSends: total.wouldBlockSends,
    });
  }

  /** Returns the same counters for each transport. */
  byBackend(): Readonly<Record<string, BackendMetrics>> {
    return Object.freeze(
      Object.fromEntries([...this.#byBackend].map(([backend, tally]) => [backend, tally.snapshot()])),
    );
  }

  #of(backend: ConnectionBackend): BackendTally {
    const known = this.#byBackend.get(backend);
    if (known !== undefined) return known;
    const tally = new BackendTally();
    this.#byBackend.set(backend, tally);
    return tally;
  }
}

/** The counters of one transport. */
class BackendTally {
  openedCount = 0;
  failed = 0;
  closed = 0;
  #ended: Totals = NOTHING;
  readonly #live = new Set<NetworkConnection>();

  opened(connection: NetworkConnection): void {
    this.openedCount += 1;
    this.#live.add(connection);
  }

  ended(connection: NetworkConnection, hasFailed: boolean): boolean {
    if (!this.#live.delete(connection)) return false;
    if (hasFailed) this.failed += 1;
    else this.closed += 1;
    this.#ended = added(this.#ended, totalsOf(connection));
    return true;
  }

  totals(): Totals {
    return [...this.#live].map(totalsOf).reduce(added, this.#ended);
  }

  snapshot(): BackendMetrics {
    const live = [...this.#live];
    const roundTrips = live.flatMap(({ roundTripMs }) => roundTripMs ?? []);
    return Object.freeze({
      connections: live.length,
      ...this.totals(),
      connectionsOpened: this.openedCount,
      connectionsFailed: this.failed,
      connectionsClosed: this.closed,
      unconfirmedBytes: live.reduce((sum, connection) => sum + connection.unconfirmedSends().bytes, 0),
      roundTripMs: roundTrips.length === 0 ? undefined : summaryOf(roundTrips),
    });
  }
}

interface Totals {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly wouldBlockSends: number;
}

const NOTHING: Totals = { bytesSent: 0, bytesReceived: 0, messagesSent: 0, messagesReceived: 0, wouldBlockSends: 0 };

function totalsOf(connection: NetworkConnection): Totals {
  const { bytesSent, bytesReceived, messagesSent, messagesReceived } = connection.getStats();
  return { bytesSent, bytesReceived, messagesSent, messagesReceived, wouldBlockSends: connection.wouldBlockCount() };
}

function added(sum: Totals, more: Totals): Totals {
  return {
    bytesSent: sum.bytesSent + more.bytesSent,
    bytesReceived: sum.bytesReceived + more.bytesReceived,
    messagesSent: sum.messagesSent + more.messagesSent,
    messagesReceived: sum.messagesReceived + more.messagesReceived,
    wouldBlockSends: sum.wouldBlockSends + more.wouldBlockSends,
  };
}

function summaryOf(roundTrips: readonly number[]): RoundTrips {
  const sum = roundTrips.reduce((total, each) => total + each, 0);
  return Object.freeze({
    count: roundTrips.length,
    mean: sum / roundTrips.length,
    max: roundTrips.reduce((most, each) => Math.max(most, each), 0),
  });
}
