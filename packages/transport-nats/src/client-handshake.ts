import type { AcceptPlace, NetworkConnection, PeerGreeting, SecretVerifier } from '@entropynet/core';
import { startLimit } from '@entropynet/core/platform';
import type { Hello } from './handshake-messages.js';
import type { NatsLink } from './nats-link.js';

/** A client between its hello and its connection. */
export interface ClientHandshake {
  readonly hello: Hello;
  /** The bytes of the hello. The client's answer authenticates them. */
  readonly bytes: Uint8Array;
  readonly greeting: PeerGreeting;
  readonly verifier: SecretVerifier | undefined;
  /** The last answer, for a client that asks again. */
  answer: Uint8Array | undefined;
  /** Whether the server has accepted the client. */
  isAdmitted: boolean;
  place: AcceptPlace<NetworkConnection> | undefined;
  link: NatsLink | undefined;
  /** Stops the handshake's time limit. */
  readonly stopLimit: () => void;
}

/** Says goodbye, and stops waiting for the peer at the time limit. */
export function endWithin(link: NatsLink, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const stopLimit = startLimit(resolve, limitMs);
    void link.close().then(() => {
      stopLimit();
      resolve();
    });
  });
}
