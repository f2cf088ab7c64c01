import type { NetworkConnection } from '../lifecycle/network-connection.js';
import type { NetworkError } from '../result/network-error.js';

/** The message of `Connecting`, `Connect` and `Disconnect`. */
export interface ConnectionDiagnostics {
  /** The program's own connection, not a copy. */
  readonly connection: NetworkConnection;
  /** Its transport's name. */
  readonly backend: string;
  /** The endpoint of its configuration, redacted as by `redactEndpoint`. */
  readonly endpoint: string;
}

/** The message of `Failure`. */
export interface FailureDiagnostics extends Omit<ConnectionDiagnostics, 'connection'> {
  /** The connection. Undefined if a probe failed, so that a manager did not create one. */
  readonly connection: NetworkConnection | undefined;
  /** The reason. */
  readonly error: NetworkError;
}

/** The message of `Backpressure`. */
export interface BackpressureDiagnostics extends ConnectionDiagnostics {
  /** The channel's name. Undefined for the default channel. */
  readonly channel: string | undefined;
  /** The length of the waiting message, in bytes. */
  readonly length: number;
}
