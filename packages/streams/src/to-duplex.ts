import { ConnectionDuplex, type ConnectionDuplexOptions } from './connection-duplex.js';
import type { StreamConnection } from './stream-connection.js';

/**
 * A stream of bytes over a connection or handle. Where it is not connected yet, the stream is `pending`: it opens when the
 * connection is connected, or with its own `connect()`. Throws a `NetworkError` (`AlreadyExists`) where another consumer
 * takes the channel's messages.
 */
export function toDuplex(connection: StreamConnection, options: ConnectionDuplexOptions = {}): ConnectionDuplex {
  return new ConnectionDuplex(connection, options);
}

/** As `toDuplex`, and connects at once: the stream emits `connect`, or `error` with `ECONNREFUSED` and others. */
export function connectDuplex(connection: StreamConnection, options: ConnectionDuplexOptions = {}): ConnectionDuplex {
  return new ConnectionDuplex(connection, options).connect();
}
