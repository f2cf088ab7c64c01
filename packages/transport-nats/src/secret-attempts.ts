import { NetworkError, SecretProver } from '@entropynet/core';
import { hexOf } from './bytes.js';
import { encodeAnswer, isWelcomeOf, type Welcome } from './handshake-messages.js';
import { type SessionKeys, sessionKeysOf } from './message-seal.js';

/** The largest number of challenges whose answers a client keeps. */
const MAX_ATTEMPTS = 32;

/** An answer to one challenge. */
interface Attempt {
  readonly prover: SecretProver;
  readonly subject: string;
  readonly answer: Uint8Array;
}

/** Publishes a client's answer. */
export type PublishAnswer = (subject: string, answer: Uint8Array) => void;

/**
 * A client's answers to the challenges of its handshake. Every participant that saw the hello can send a challenge, so
 * the client answers each, and the welcome shows which one was the server's. If there are too many, the oldest goes
 * first: the server repeats its own when the client asks again.
 */
export class SecretAttempts {
  readonly #secret: string;
  readonly #service: string;
  readonly #id: Uint8Array;
  readonly #byChallenge = new Map<string, Attempt>();

  /**
   * @param service the subject of the service: answers go only to subjects below it
   * @param id the number of the client
   */
  constructor(secret: string, service: string, id: Uint8Array) {
    this.#secret = secret;
    this.#service = service;
    this.#id = id;
  }

  /** The number of answered challenges. */
  get size(): number {
    return this.#byChallenge.size;
  }

  /** Answers a challenge, also a repeated one. Has no effect if no server of the service can have sent it. */
  answer(
    { challenge, subject }: { challenge: Uint8Array; subject: string },
    hello: Uint8Array,
    publish: PublishAnswer,
  ): void {
    const word = subject.slice(this.#service.length + 1);
    if (!subject.startsWith(`${this.#service}.`) || !/^[0-9a-f]{32}$/.test(word)) return;
    const key = `${hexOf(challenge)}.${subject}`;
    let attempt = this.#byChallenge.get(key);
    if (attempt === undefined) {
      const prover = new SecretProver(this.#secret);
      const proof = prover.answer(challenge);
      if (!proof.ok) return;
      const answer = encodeAnswer(this.#id, proof.value, sessionKeysOf(prover).fromClient, hello);
      attempt = { prover, subject, answer };
      const oldest = this.#byChallenge.keys().next();
      if (this.#byChallenge.size >= MAX_ATTEMPTS && oldest.done !== true) this.#byChallenge.delete(oldest.value);
      this.#byChallenge.set(key, attempt);
    }
    publish(attempt.subject, attempt.answer);
  }

  /** Publishes every answer again. */
  repeat(publish: PublishAnswer): void {
    for (const { subject, answer } of this.#byChallenge.values()) publish(subject, answer);
  }

  /** Returns the keys of the connection of a welcome; `HandshakeFailed` if no server with the secret has sent it. */
  check({ proof }: Welcome, message: Uint8Array): SessionKeys | NetworkError {
    let differ: NetworkError | undefined;
    for (const { prover } of this.#byChallenge.values()) {
      const proved = proof === undefined ? undefined : prover.check(proof);
      if (proved?.ok === false) differ = proved.error;
      if (proved?.ok !== true) continue;
      const keys = sessionKeysOf(prover);
      if (isWelcomeOf(keys.fromServer, message)) return keys;
      return new NetworkError('HandshakeFailed', "somebody changed the server's Welcome message on its way");
    }
    return differ ?? new NetworkError('HandshakeFailed', 'the server sent a welcome before its challenge');
  }
}
