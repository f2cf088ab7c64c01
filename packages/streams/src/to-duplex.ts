import { ConnectionDuplex } from './connection-duplex.js';
import type { ConnectionDuplexOptions } from './duplex-options.js';
import type { StreamConnection } from './stream-connection.js';

/**
 * Returns a stream of bytes over a connection or handle. If the connection is not connected yet, the stream is
 * `pending` and opens when it connects, or with the stream's own `connect()`. Throws a `NetworkError` (`AlreadyExists`)
 * if the channel has another consumer.
 */
export function toDuplex(connection: StreamConnection, options: ConnectionDuplexOptions = {}): ConnectionDuplex {
  return new ConnectionDuplex(connection, options);
}

/**
 * Does the same as `toDuplex` and connects at once. The stream emits `connect`, or `error` with a code such as
 * `ECONNREFUSED`.
 */
export function connectDuplex(connection: StreamConnection, options: ConnectionDuplexOptions = {}): ConnectionDuplex {
  return new ConnectionDuplex(connection, options).connect();
}
