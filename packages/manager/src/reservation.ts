import type { NetworkConnection, Result } from '@entropynet/core';
import type { ConnectionHandle } from './connection-handle.js';

/** A reserved slot of the manager. The server calls one of the two methods, once. */
export interface Reservation {
  /** Adopts the connection. If that fails, the slot is free again. */
  adopt(connection: NetworkConnection): Result<ConnectionHandle>;
  release(): void;
}
