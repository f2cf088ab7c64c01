import type { Connection } from '@entropynet/core';

/** What a stream needs of a connection: a `NetworkConnection` or a `ConnectionHandle`. */
export type StreamConnection = Pick<
  Connection,
  | 'channel'
  | 'connect'
  | 'defaultChannel'
  | 'disconnect'
  | 'isConnected'
  | 'peer'
  | 'ref'
  | 'startReceiving'
  | 'subscribe'
  | 'unref'
  | 'wasAccepted'
  | typeof Symbol.asyncDispose
>;
