import type { ConnectionState } from './connection-types.js';
import type { NetworkError } from '../result/network-error.js';

/** The events of a connection, for `on`, `once` and `off`. */
export interface ConnectionEvents {
  /** A real transition, once and in order; the error where the state is `failed`. */
  state: (state: ConnectionState, error?: NetworkError) => void;
  /** A message of the default channel; the bytes are the listener's, shared with the other listeners. */
  message: (data: Uint8Array) => void;
  /** The peer opened a named channel. */
  channel: (name: string) => void;
  /** A sender that was told `WouldBlock` may go on; the channel's name, undefined for the default one. */
  drain: (channel: string | undefined) => void;
  /** Something failed that no operation could report: a callback threw or rejected, the peer refused a channel. */
  error: (error: NetworkError) => void;
  /** The peer is alive and does not read. */
  unresponsive: () => void;
  /** The peer reads again. */
  responsive: () => void;
}
