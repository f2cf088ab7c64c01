import type { NetworkConnection } from '../lifecycle/network-connection.js';
import type { NetworkError } from '../result/network-error.js';

/** What `Connecting`, `Connect` and `Disconnect` carry. */
export interface ConnectionDiagnostics {
  /** The connection itself; what is done with it is done to the program's own. */
  readonly connection: NetworkConnection;
  /** Its transport's name. */
  readonly backend: string;
  /** The endpoint of its configuration, redacted as by `redactEndpoint`. */
  readonly endpoint: string;
}

/** What `Failure` carries. */
export interface FailureDiagnostics extends Omit<ConnectionDiagnostics, 'connection'> {
  /** The connection; undefined where a manager did not make one, because the transport saw that it would not stand. */
  readonly connection: NetworkConnection | undefined;
  /** Why. */
  readonly error: NetworkError;
}

/** What `Backpressure` carries. */
export interface BackpressureDiagnostics extends ConnectionDiagnostics {
  /** The channel's name; undefined for the default one. */
  readonly channel: string | undefined;
  /** Bytes of the message that has to wait. */
  readonly length: number;
}
