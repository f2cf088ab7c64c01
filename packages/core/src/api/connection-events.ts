import type { ConnectionState } from './connection-types.js';
import type { NetworkError } from '../result/network-error.js';

/** The events of a connection, for `on`, `once` and `off`. A promise that a listener returns is watched, never awaited. */
export interface ConnectionEvents {
  /** A real transition, once and in order; the error where the state is `failed`. */
  state: (state: ConnectionState, error?: NetworkError) => unknown;
  /** A message of the default channel. The listener owns the bytes and shares them with the other listeners. */
  message: (data: Uint8Array) => unknown;
  /** The peer opened a named channel. The first listener also learns of the channels that were open before. */
  channel: (name: string) => unknown;
  /** A sender that got `WouldBlock` may go on; the channel's name, undefined for the default one. */
  drain: (channel: string | undefined) => unknown;
  /** Something failed that no operation could report: a callback threw or rejected, the peer refused a channel. */
  error: (error: NetworkError) => unknown;
  /** The peer is alive and does not read. */
  unresponsive: () => unknown;
  /** The peer reads again. */
  responsive: () => unknown;
}
