import type { ConnectionEvents, MessagesOptions, Result } from '@entropynet/core';

type DrainOrState = 'drain' | 'state';

/** What a stream needs of a connection: a `NetworkConnection` or a `ConnectionHandle`. */
export interface StreamConnection {
  messages(options?: MessagesOptions): AsyncIterableIterator<Uint8Array, undefined>;
  trySend(data: Uint8Array): Result;
  trySendOnChannel(name: string, data: Uint8Array): Result;
  openChannel(name: string): Promise<Result>;
  disconnect(): Promise<Result>;
  ref(): void;
  unref(): void;
  on<E extends DrainOrState>(event: E, listener: ConnectionEvents[E]): unknown;
  off<E extends DrainOrState>(event: E, listener: ConnectionEvents[E]): unknown;
}
