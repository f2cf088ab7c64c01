import type { ConnectionBackend, NetworkConnection } from '@entropynet/core';

/** What a manager has seen in all its life; each real transition is counted once. */
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
  /** `trySend` calls that gave `WouldBlock`. */
  readonly wouldBlockSends: number;
}

/** What a manager has seen of one transport; the sums over all transports are its `ManagerMetrics`. */
export interface BackendMetrics {
  /** Connections that stand now. */
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
   * Connections that ended in `failed`, and attempts to connect that failed on every transport: such an attempt counts for
   * the transport that it tried first.
   */
  readonly connectionsFailed: number;
  /** Connections that ended in `disconnected`. */
  readonly connectionsClosed: number;
  /** `trySend` calls that gave `WouldBlock`. */
  readonly wouldBlockSends: number;
  /** Payload bytes that connections which stand were given for sending and their peers have not confirmed: an upper bound. */
  readonly unconfirmedBytes: number;
  /** The round trips of connections that stand and know theirs; undefined where none does. */
  readonly roundTripMs: RoundTrips | undefined;
}

/** Round trips of several connections, each its last one, in milliseconds. */
export interface RoundTrips {
  /** How many connections know theirs. */
  readonly count: number;
  /** Their mean. */
  readonly mean: number;
  /** The longest. */
  readonly max: number;
}

/** Counts transitions, and keeps the counters of connections that have ended. */
export class MetricsTally {
  readonly #byBackend = new Map<ConnectionBackend, BackendTally>();

  /** @param backends those that are shown from the start, before there is a connection */
  constructor(backends: readonly ConnectionBackend[]) {
    for (const backend of backends) this.#of(backend);
  }

  /** A connection reached `connected`. */
  opened(connection: NetworkConnection): void {
    this.#of(connection.getBackend()).opened(connection);
  }

  /** A connection that was open ended. Counted once, however often it is reported. @returns whether this was that time */
  ended(connection: NetworkConnection, hasFailed: boolean): boolean {
    return this.#of(connection.getBackend()).ended(connection, hasFailed);
  }

  /** No candidate could be connected to; `backend`: the transport that was tried first. */
  connectFailed(backend: ConnectionBackend): void {
    this.#of(backend).failed += 1;
  }

  /** Ended and live connections together. */
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

  /** The same for each transport. */
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

/** What was counted of one transport. */
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
