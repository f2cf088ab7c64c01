import { type ConnectionBackend, type NetworkConnection, Roster } from '@entropynet/core';

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
  /**
   * The connection of a handle before its present one. It lives as long as the present one, because the program may read
   * its messages late.
   */
  readonly #earlier = new WeakMap<NetworkConnection, NetworkConnection>();

  /** @param backends the transports that the metrics contain before their first connection */
  constructor(backends: readonly ConnectionBackend[]) {
    for (const backend of backends) this.#of(backend);
  }

  /** Counts a connection that became `connected`. @param last the connection of its handle before it */
  opened(connection: NetworkConnection, last?: NetworkConnection): void {
    this.#of(connection.getBackend()).opened(connection);
    if (last === undefined || last === connection) return;
    this.#readEarlier(last);
    this.#earlier.delete(last);
    this.#earlier.set(connection, last);
  }

  /** Counts the end of an open connection, once. @returns whether this call counted it */
  ended(connection: NetworkConnection, hasFailed: boolean): boolean {
    return this.#of(connection.getBackend()).ended(connection, hasFailed);
  }

  /** Counts the messages that the program has read of an ended connection. Its counters may start again after this. */
  readLate(connection: NetworkConnection): void {
    this.#of(connection.getBackend()).readLate(connection);
  }

  /** The program reads no more of an ended connection: counts the messages that it has read. */
  left(connection: NetworkConnection): void {
    this.#readEarlier(connection);
    this.#of(connection.getBackend()).left(connection);
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

  #readEarlier(connection: NetworkConnection): void {
    const earlier = this.#earlier.get(connection);
    if (earlier !== undefined) this.readLate(earlier);
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
  readonly #live = new Roster<NetworkConnection>();
  readonly #late = new LateReads();

  opened(connection: NetworkConnection): void {
    this.openedCount += 1;
    // Its counters start again.
    this.#late.remove(connection);
    this.#live.add(connection);
  }

  ended(connection: NetworkConnection, hasFailed: boolean): boolean {
    if (!this.#live.delete(connection)) return false;
    if (hasFailed) this.failed += 1;
    else this.closed += 1;
    const totals = totalsOf(connection);
    this.#ended = added(this.#ended, totals);
    // Without unread messages there is nothing to read late, and a weak reference costs more than a message.
    if (connection.hasUnread) this.#late.add(connection, totals);
    return true;
  }

  readLate(connection: NetworkConnection): void {
    this.#ended = added(this.#ended, this.#late.collectOf(connection));
  }

  left(connection: NetworkConnection): void {
    this.readLate(connection);
    this.#late.remove(connection);
  }

  totals(): Totals {
    this.#ended = added(this.#ended, this.#late.collect());
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

/** A connection that has ended, and its counters as far as they are counted. */
interface LateRead {
  readonly connection: WeakRef<NetworkConnection>;
  counted: Totals;
}

/**
 * The messages that a program reads after the end of their connection. The references are weak, because a dropped
 * handle must cost nothing: nobody counts what a program has read of it since the last snapshot.
 */
class LateReads {
  readonly #all = new Set<LateRead>();
  readonly #byConnection = new WeakMap<NetworkConnection, LateRead>();
  readonly #dropped = new FinalizationRegistry<LateRead>((read) => this.#all.delete(read));

  /** @param counted the counters of the connection at its end */
  add(connection: NetworkConnection, counted: Totals): void {
    const read = { connection: new WeakRef(connection), counted };
    this.#all.add(read);
    this.#byConnection.set(connection, read);
    this.#dropped.register(connection, read, read);
  }

  /** Returns what the program has read since the last count. */
  collect(): Totals {
    return [...this.#all].map(readSince).reduce(added, NOTHING);
  }

  /** The same for one connection. */
  collectOf(connection: NetworkConnection): Totals {
    const read = this.#byConnection.get(connection);
    return read === undefined ? NOTHING : readSince(read);
  }

  remove(connection: NetworkConnection): void {
    const read = this.#byConnection.get(connection);
    if (read === undefined) return;
    this.#all.delete(read);
    this.#byConnection.delete(connection);
    this.#dropped.unregister(read);
  }
}

function readSince(read: LateRead): Totals {
  const connection = read.connection.deref();
  if (connection === undefined) return NOTHING;
  const { counted } = read;
  const now = totalsOf(connection);
  // A connection that connects again starts at 0.
  if (now.messagesReceived < counted.messagesReceived) return NOTHING;
  read.counted = now;
  return {
    ...NOTHING,
    bytesReceived: now.bytesReceived - counted.bytesReceived,
    messagesReceived: now.messagesReceived - counted.messagesReceived,
  };
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
