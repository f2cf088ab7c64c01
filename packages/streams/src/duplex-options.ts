import { checkConnection, checkOptions } from '@entropynet/core';
import type { StreamConnection } from './stream-connection.js';

/** Options of `toDuplex` and `connectDuplex`. */
export interface ConnectionDuplexOptions {
  /**
   * A named channel, which the stream opens and closes. Each channel carries one stream.
   * @default the default channel
   */
  readonly channel?: string | undefined;
  /** The number of bytes that each direction buffers, as in every Node.js stream. @default the default of Node.js */
  readonly highWaterMark?: number | undefined;
  /** Whether the stream can still write after the peer has ended its direction, as in a socket. @default false */
  readonly allowHalfOpen?: boolean | undefined;
  /**
   * Whether the connection disconnects when the stream closes.
   * @default true for the default channel, false for a named one
   */
  readonly endsConnection?: boolean | undefined;
  /**
   * Whether the stream owns the connection. When the stream closes, it disconnects the connection, or closes the
   * handle, which frees the slot in the manager.
   * @default false
   */
  readonly ownsConnection?: boolean | undefined;
}

const OPTIONS = {
  channel: 'anything',
  highWaterMark: 'a number',
  allowHalfOpen: 'true or false',
  endsConnection: 'true or false',
  ownsConnection: 'true or false',
} as const;

/** Throws a `NetworkError` unless the value is an object of correct options. */
export function checkStreamOptions(options: ConnectionDuplexOptions): void {
  checkOptions('a stream', options, OPTIONS);
}

/**
 * Throws an error unless both arguments of a stream are correct, and returns the options. It runs before the stream is
 * made, because after an error nobody would end the stream.
 */
export function checkedOptions(
  connection: StreamConnection,
  options: ConnectionDuplexOptions,
): ConnectionDuplexOptions {
  checkConnection('a stream', connection);
  checkStreamOptions(options);
  return options;
}
