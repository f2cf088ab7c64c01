import type { NetworkError } from '../result/network-error.js';
import type { Connection } from './connection.js';

/** Options of a server's `broadcast`. */
export interface BroadcastOptions {
  /** The named channel to send on. @default the default channel */
  readonly channel?: string;
}

/** A connection that a broadcast did not reach. */
export interface SkippedConnection<T extends Connection = Connection> {
  /** The connection. It stays open. */
  readonly connection: T;
  /**
   * The reason. `WouldBlock`: the connection has no room; its `drain` event follows. `MessageTooLarge`: the message is
   * longer than its peer allows. `InvalidParameter` or `ConnectionClosed`: the channel is not open on it.
   */
  readonly error: NetworkError;
}

/** The outcome of a broadcast. */
export interface BroadcastOutcome<T extends Connection = Connection> {
  /** The number of connections that accepted the message. */
  readonly sent: number;
  /** The connections that did not accept it, in the order in which the server accepted them. */
  readonly skipped: readonly SkippedConnection<T>[];
}
