import type { Connection } from '@entropynet/core';

/** The members of a connection that a stream uses. `NetworkConnection` and `ConnectionHandle` have them. */
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
