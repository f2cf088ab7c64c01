import { hmacUnder, isSameBytes } from '@entropynet/core/platform';
import { CODE_BYTES, HEADER_BYTES } from './nats-protocol.js';

/** The keys of one connection. Each direction has its own key, so that no message can be sent back to its sender. */
export interface SessionKeys {
  /** The key for the client's messages. */
  readonly fromClient: Uint8Array;
  /** The key for the server's messages. */
  readonly fromServer: Uint8Array;
}

/** Computes the authentication codes of one direction: HMAC-SHA-256, the first 16 bytes. */
export class MessageSeal {
  readonly #hmac: (first: Uint8Array, second: Uint8Array) => Uint8Array;

  constructor(key: Uint8Array) {
    this.#hmac = hmacUnder(key);
  }

  /** Writes the code of a message behind its header. `message` is the header, room for the code, and the body. */
  put(message: Uint8Array): void {
    message.set(this.#codeOf(message), HEADER_BYTES);
  }

  /** Whether the message's code matches its header and body. */
  isRight(message: Uint8Array): boolean {
    if (message.length < HEADER_BYTES + CODE_BYTES) return false;
    return isSameBytes(this.#codeOf(message), message.subarray(HEADER_BYTES, HEADER_BYTES + CODE_BYTES));
  }

  #codeOf(message: Uint8Array): Uint8Array {
    const body = message.subarray(HEADER_BYTES + CODE_BYTES);
    return this.#hmac(message.subarray(0, HEADER_BYTES), body).subarray(0, CODE_BYTES);
  }
}

/** The seals of both directions, for one side; undefined if there is no secret. */
export interface Seals {
  readonly outgoing: MessageSeal;
  readonly incoming: MessageSeal;
}

/** Returns the seals with which a client or a server signs and checks. */
export function sealsOf({ fromClient, fromServer }: SessionKeys, side: 'client' | 'server'): Seals {
  const [client, server] = [new MessageSeal(fromClient), new MessageSeal(fromServer)];
  return side === 'client' ? { outgoing: client, incoming: server } : { outgoing: server, incoming: client };
}

/** Returns the keys of a `SecretVerifier` or a `SecretProver`. */
export function sessionKeysOf(proof: { sessionKey(purpose: string): Uint8Array }): SessionKeys {
  return { fromClient: proof.sessionKey('nats client'), fromServer: proof.sessionKey('nats server') };
}
