import { hmacSha256 } from '#hmac';
import { isSameBytes } from '../platform/same-bytes.js';
import { err, OK, ok, type Result } from '../result/result.js';

/** The length of the server's challenge: random bytes, new for each handshake. */
export const SECRET_CHALLENGE_BYTES = 32;

/** The length of the client's answer: its own random bytes, then its proof. */
export const SECRET_ANSWER_BYTES = 64;

/** The length of the server's proof. */
export const SECRET_PROOF_BYTES = 32;

const NONCE_BYTES = 32;

// Captured when the module is loaded, because a test framework may later replace it by one that is not random.
const fillRandomly = globalThis.crypto.getRandomValues.bind(globalThis.crypto) as (bytes: Uint8Array) => Uint8Array;

const encoder = new TextEncoder();

/**
 * Compares after the greetings whether both sides have a shared secret (`secret` in the configuration).
 * @returns true if the sides must exchange proofs, false if neither has a secret; `HandshakeFailed` if only one side
 *   has one
 */
export function agreeOnSecret(secret: string | undefined, peerHasSecret: boolean): Result<boolean> {
  if ((secret !== undefined) === peerHasSecret) return ok(peerHasSecret);
  return peerHasSecret
    ? err('HandshakeFailed', "the peer asks for a shared secret and this side has none: set 'secret' to the peer's")
    : err('HandshakeFailed', "this side asks for a shared secret ('secret') and the peer has none");
}

/**
 * The server's half of the proof that both sides have the same secret, after ISO/IEC 9798-4 (mutual, three passes): the
 * client proves first, so that a client without the secret gets no proof against which it could test guesses. Each
 * proof is the HMAC-SHA-256, under the secret in UTF-8, of the prover's role and both sides' random bytes.
 */
export class SecretVerifier {
  /** The challenge that the client must answer. This object owns the bytes. */
  readonly challenge = randomBytes(SECRET_CHALLENGE_BYTES);
  readonly #secret: Uint8Array;
  #nonce = new Uint8Array(0);

  constructor(secret: string) {
    this.#secret = encoder.encode(secret);
  }

  /**
   * Checks the client's answer, and returns the server's own proof. `HandshakeFailed`: another secret, or not an
   * answer.
   */
  check(answer: Uint8Array): Result<Uint8Array> {
    const nonce = new Uint8Array(answer.subarray(0, NONCE_BYTES));
    this.#nonce = nonce;
    const isRight =
      answer.length === SECRET_ANSWER_BYTES &&
      isSameBytes(answer.subarray(NONCE_BYTES), proofOf(this.#secret, 'client', this.challenge, nonce));
    return isRight ? ok(proofOf(this.#secret, 'server', this.challenge, nonce)) : err('HandshakeFailed', WRONG_SECRET);
  }

  /**
   * Returns a key of 32 bytes that only the two sides know. It is different for each handshake and each `purpose`. A
   * transport uses it to authenticate its frames if others can write to its medium. Call it after the answer.
   */
  sessionKey(purpose: string): Uint8Array {
    return keyOf(this.#secret, purpose, this.challenge, this.#nonce);
  }
}

/** The client's half. */
export class SecretProver {
  readonly #secret: Uint8Array;
  readonly #nonce = randomBytes(NONCE_BYTES);
  #challenge = new Uint8Array(0);

  constructor(secret: string) {
    this.#secret = encoder.encode(secret);
  }

  /** Answers the server's challenge. `HandshakeFailed`: it is not a challenge. */
  answer(challenge: Uint8Array): Result<Uint8Array> {
    if (challenge.length !== SECRET_CHALLENGE_BYTES) {
      return err(
        'HandshakeFailed',
        `the server's challenge has ${challenge.length} bytes, ${SECRET_CHALLENGE_BYTES} are expected`,
      );
    }
    // `slice` of a Buffer would return a view.
    this.#challenge = new Uint8Array(challenge);
    const answer = new Uint8Array(SECRET_ANSWER_BYTES);
    answer.set(this.#nonce);
    answer.set(proofOf(this.#secret, 'client', this.#challenge, this.#nonce), NONCE_BYTES);
    return ok(answer);
  }

  /** Checks the server's proof. `HandshakeFailed`: another secret. */
  check(proof: Uint8Array): Result {
    const expected = proofOf(this.#secret, 'server', this.#challenge, this.#nonce);
    return isSameBytes(proof, expected) ? OK : err('HandshakeFailed', WRONG_SECRET);
  }

  /** Returns the same key as `SecretVerifier.sessionKey`. Call it after `answer()`. */
  sessionKey(purpose: string): Uint8Array {
    return keyOf(this.#secret, purpose, this.#challenge, this.#nonce);
  }
}

/** The message of the error for different secrets, at both ends. */
export const WRONG_SECRET = "the two sides' shared secrets ('secret') differ";

function proofOf(secret: Uint8Array, role: 'server' | 'client', challenge: Uint8Array, nonce: Uint8Array): Uint8Array {
  return hmacSha256(secret, encoder.encode(`entropynet ${role}`), challenge, nonce);
}

function keyOf(secret: Uint8Array, purpose: string, challenge: Uint8Array, nonce: Uint8Array): Uint8Array {
  return hmacSha256(secret, encoder.encode(`entropynet key ${purpose}`), challenge, nonce);
}

function randomBytes(length: number): Uint8Array {
  return fillRandomly(new Uint8Array(length));
}
