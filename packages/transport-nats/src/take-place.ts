import type { AcceptPlace, AcceptQueue, NetworkConnection, Result } from '@entropynet/core';
import { NatsConnection } from './nats-connection.js';

/** Reserves a place for a client. Clients that left before the server accepted them, and left no message, take none. */
export function takePlace(accepted: AcceptQueue<NetworkConnection>): Result<AcceptPlace<NetworkConnection>> {
  return accepted.admitInsteadOf(
    (each) => each instanceof NatsConnection && each.isAbandoned,
    (left) => void left.disconnect(),
  );
}
