import { NetworkError } from '@entropynet/core';
import type { Seals } from './message-seal.js';
import type { Lane } from './nats-protocol.js';

/** The largest number of messages between two heartbeats that are not the peer's. Beyond it the link ends. */
const MAX_REFUSED = 10_000;

/** Counts messages that are forged, repeated or empty. They have no effect. A flood of them ends only this link. */
export class RefusedMessages {
  #count = 0;

  /** Counts one. Returns the error of a flood. */
  add(): NetworkError | undefined {
    this.#count += 1;
    if (this.#count <= MAX_REFUSED) return undefined;
    const reason = `more than ${MAX_REFUSED} forged, repeated or empty messages came within heartbeat.intervalMs`;
    return new NetworkError('InvalidMessage', reason);
  }

  /** A heartbeat has passed. */
  reset(): void {
    this.#count = 0;
  }
}

/**
 * Whether a message on a lane is well formed and, with a secret, comes from the peer.
 * @param bodyStart the start of its body, in bytes
 */
export function isOfPeer(message: Uint8Array, lane: Lane, bodyStart: number, seals: Seals | undefined): boolean {
  return (
    message.length >= bodyStart &&
    message[1] === lane &&
    message[2] === 0 &&
    message[3] === 0 &&
    seals?.incoming.isRight(message) !== false
  );
}
