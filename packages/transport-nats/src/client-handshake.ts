import {
  type AcceptPlace,
  describeThrown,
  type NetworkConnection,
  NetworkError,
  type PeerGreeting,
  SecretVerifier,
  shortageOf,
} from '@entropynet/core';
import { startLimit } from '@entropynet/core/platform';
import type { Hello } from './handshake-messages.js';
import type { LinkEnds } from './link-ends.js';
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
  /** Whether the client was told the link. Before that, only a refusal reaches it. */
  isWelcomed: boolean;
  place: AcceptPlace<NetworkConnection> | undefined;
  /** What its link is made of. The link owns it then. */
  ends?: LinkEnds;
  link: NatsLink | undefined;
  /** Stops the handshake's time limit. */
  readonly stopLimit: () => void;
}

/**
 * Returns the handshake of a new client.
 * @param bytes the bytes of its hello, which it copies
 * @param secret the server's secret
 */
export function newHandshake(
  hello: Hello,
  bytes: Uint8Array,
  greeting: PeerGreeting,
  secret: string | undefined,
  stopLimit: () => void,
): ClientHandshake {
  return {
    hello,
    bytes: new Uint8Array(bytes),
    greeting,
    verifier: secret === undefined ? undefined : new SecretVerifier(secret),
    answer: undefined,
    isAdmitted: false,
    isWelcomed: false,
    place: undefined,
    link: undefined,
    stopLimit,
  };
}

/** Frees what a handshake holds, at its end without a connection. */
export function freeHandshake({ stopLimit, place, ends, link }: ClientHandshake): void {
  stopLimit();
  place?.release();
  // A link that could not be made left its ends.
  if (link === undefined) ends?.release();
  else link.release();
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

/** Returns the error for a client that comes while too many are in handshakes. */
export function fullError(most: number): NetworkError {
  return new NetworkError('ResourceLimitExceeded', `${most} clients are in handshakes already (nats.maxConnections)`);
}

/** Returns the error for a client whose handshake takes too long. */
export function lateError(limitMs: number): NetworkError {
  return new NetworkError('Timeout', `the handshake did not end within ${limitMs} ms (nats.handshakeTimeoutMs)`);
}

/** Returns the error for a connection that can't be made, for example without memory. `what` begins its message. */
export function lackError(what: string, error: unknown): NetworkError {
  const reason = shortageOf(error) ?? describeThrown(error);
  return new NetworkError('ResourceLimitExceeded', `${what}: ${reason}`, error);
}
