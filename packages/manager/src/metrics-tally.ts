import type { NetworkConnection } from '@entropynet/core';

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
  /** `trySend` calls that were told `WouldBlock`. */
  readonly wouldBlockSends: number;
}

/** Counts transitions, and keeps the counters of connections that have ended. */
export class MetricsTally {
  #opened = 0;
  #failed = 0;
  #closed = 0;
  #ended = { bytesSent: 0, bytesReceived: 0, messagesSent: 0, messagesReceived: 0, wouldBlock: 0 };
  readonly #live = new Set<NetworkConnection>();

  /** A connection reached `connected`. */
  opened(connection: NetworkConnection): void {
    this.#opened += 1;
    this.#live.add(connection);
  }

  /** A connection that was open ended. Counted once, however often it is told. @returns whether this was that time */
  ended(connection: NetworkConnection, hasFailed: boolean): boolean {
    if (!this.#live.delete(connection)) return false;
    if (hasFailed) this.#failed += 1;
    else this.#closed += 1;
    this.#ended = sum(this.#ended, connection);
    return true;
  }

  /** No candidate could be connected to. */
  connectFailed(): void {
    this.#failed += 1;
  }

  /** Ended and live connections together. */
  snapshot(): ManagerMetrics {
    let total = this.#ended;
    for (const connection of this.#live) total = sum(total, connection);
    return Object.freeze({
      totalBytesSent: total.bytesSent,
      totalBytesReceived: total.bytesReceived,
      totalMessagesSent: total.messagesSent,
      totalMessagesReceived: total.messagesReceived,
      connectionsOpened: this.#opened,
      connectionsFailed: this.#failed,
      connectionsClosed: this.#closed,
      wouldBlockSends: total.wouldBlock,
    });
  }
}

interface Totals {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly wouldBlock: number;
}

function sum(totals: Totals, connection: NetworkConnection): Totals {
  const stats = connection.getStats();
  return {
    bytesSent: totals.bytesSent + stats.bytesSent,
    bytesReceived: totals.bytesReceived + stats.bytesReceived,
    messagesSent: totals.messagesSent + stats.messagesSent,
    messagesReceived: totals.messagesReceived + stats.messagesReceived,
    wouldBlock: totals.wouldBlock + connection.wouldBlockCount(),
  };
}
