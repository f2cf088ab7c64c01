import type { ConnectionEvents, NetworkConnection } from '@entropynet/core';

type DrainOrState = 'drain' | 'state';

/** What a stream needs of a connection: a `NetworkConnection` or a `ConnectionHandle`. */
export interface StreamConnection extends Pick<
  NetworkConnection,
  | 'messages'
  | 'send'
  | 'trySend'
  | 'openChannel'
  | 'sendOnChannel'
  | 'trySendOnChannel'
  | 'disconnect'
  | 'ref'
  | 'unref'
> {
  /** Adds a listener of room to send, or of the connection's end. */
  on<E extends DrainOrState>(event: E, listener: ConnectionEvents[E]): unknown;
  /** Removes one. */
  off<E extends DrainOrState>(event: E, listener: ConnectionEvents[E]): unknown;
}
