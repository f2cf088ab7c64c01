import type { ConnectionState } from './connection-types.js';
import type { NetworkError } from '../result/network-error.js';

/**
 * The events of a connection, for `on`, `once` and `off`. A listener may return a promise: nothing waits for it, and
 * its rejection becomes an `error` event.
 */
export interface ConnectionEvents {
  /** The state changed. Each change is reported once, in order; `error` is set if the new state is `failed`. */
  state: (state: ConnectionState, error?: NetworkError) => unknown;
  /** A message arrived on the default channel. The listener owns the bytes and shares them with the other listeners. */
  message: (data: Uint8Array) => unknown;
  /** The peer opened a named channel. The first listener also gets the channels that the peer had opened before. */
  channel: (name: string) => unknown;
  /** After a `WouldBlock`, there is room again on `channel`: its name, or undefined for the default channel. */
  drain: (channel: string | undefined) => unknown;
  /**
   * A failure that no operation could return: a callback threw or its promise rejected, or the peer refused a channel.
   */
  error: (error: NetworkError) => unknown;
  /** The peer is alive but does not read. */
  unresponsive: () => unknown;
  /** The peer reads again. */
  responsive: () => unknown;
}
