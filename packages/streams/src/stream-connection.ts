import type { ConnectionEvents, MessagesOptions, Result } from '@entropynet/core';

type DrainOrState = 'drain' | 'state';

/** What a stream needs of a connection: a `NetworkConnection` or a `ConnectionHandle`. */
export interface StreamConnection {
  /** The messages of a channel, one at a time; the bytes are the caller's. */
  messages(options?: MessagesOptions): AsyncIterableIterator<Uint8Array, undefined>;
  /** Sends on the default channel now or not at all. */
  trySend(data: Uint8Array): Result;
  /** The same on a named channel. */
  trySendOnChannel(name: string, data: Uint8Array): Result;
  /** Opens a named channel. Idempotent. */
  openChannel(name: string): Promise<Result>;
  /** Ends the connection, after what was sent. */
  disconnect(): Promise<Result>;
  /** The connection keeps the process alive. */
  ref(): void;
  /** The connection does not keep the process alive. */
  unref(): void;
  /** Adds a listener of room to send, or of the connection's end. */
  on<E extends DrainOrState>(event: E, listener: ConnectionEvents[E]): unknown;
  /** Removes one. */
  off<E extends DrainOrState>(event: E, listener: ConnectionEvents[E]): unknown;
}
