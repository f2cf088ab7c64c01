import { hmacUnder, isSameBytes } from '@entropynet/core/platform';
import { CODE_BYTES, HEADER_BYTES } from './nats-protocol.js';

/** The keys of one connection: each direction has its own, so that no message can be sent back to its sender. */
export interface SessionKeys {
  /** Of what the client sends. */
  readonly fromClient: Uint8Array;
  /** Of what the server sends. */
  readonly fromServer: Uint8Array;
}

/** Computes the authentication codes of one direction: HMAC-SHA-256, the first 16 bytes. */
export class MessageSeal {
  readonly #hmac: (first: Uint8Array, second: Uint8Array) => Uint8Array;

  constructor(key: Uint8Array) {
    this.#hmac = hmacUnder(key);
  }

  /** Puts the code of a message in its place behind the header. `message` is the header, room for the code, and the body. */
  put(message: Uint8Array): void {
    message.set(this.#codeOf(message), HEADER_BYTES);
  }

  /** Whether the message's code is that of its header and body. */
  isRight(message: Uint8Array): boolean {
    if (message.length < HEADER_BYTES + CODE_BYTES) return false;
    return isSameBytes(this.#codeOf(message), message.subarray(HEADER_BYTES, HEADER_BYTES + CODE_BYTES));
  }

  #codeOf(message: Uint8Array): Uint8Array {
    const body = message.subarray(HEADER_BYTES + CODE_BYTES);
    return this.#hmac(message.subarray(0, HEADER_BYTES), body).subarray(0, CODE_BYTES);
  }
}

/** The seals of both directions, as one side uses them; undefined where there is no secret. */
export interface Seals {
  readonly outgoing: MessageSeal;
  readonly incoming: MessageSeal;
}

/** What a client or a server seals and checks with. */
export function sealsOf({ fromClient, fromServer }: SessionKeys, side: 'client' | 'server'): Seals {
  const [client, server] = [new MessageSeal(fromClient), new MessageSeal(fromServer)];
  return side === 'client' ? { outgoing: client, incoming: server } : { outgoing: server, incoming: client };
}

/** The keys that a `SecretVerifier` or a `SecretProver` gives. */
export function sessionKeysOf(proof: { sessionKey(purpose: string): Uint8Array }): SessionKeys {
  return { fromClient: proof.sessionKey('nats client'), fromServer: proof.sessionKey('nats server') };
}
