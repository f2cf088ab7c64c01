import type { NetworkError } from '../result/network-error.js';
import type { Connection } from './connection.js';

/** Options of a server's `broadcast`. */
export interface BroadcastOptions {
  /** The named channel to send on. @default the default channel */
  readonly channel?: string;
}

/** A connection that a broadcast did not reach. */
export interface SkippedConnection<T extends Connection = Connection> {
  /** The connection. It goes on. */
  readonly connection: T;
  /**
   * Why: `WouldBlock`, where it is slow and `drain` follows; `MessageTooLarge` for its peer; `InvalidParameter` or
   * `ConnectionClosed`, where the channel is not open on it.
   */
  readonly error: NetworkError;
}

/** What became of a broadcast. */
export interface BroadcastOutcome<T extends Connection = Connection> {
  /** How many connections took the message. */
  readonly sent: number;
  /** Those that did not, in the order in which they were accepted. */
  readonly skipped: readonly SkippedConnection<T>[];
}
