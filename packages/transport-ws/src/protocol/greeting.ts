import {
  agreeOnSecret,
  decodePeerLimits,
  encodePeerLimits,
  type PeerGreeting,
  type PeerLimits,
  type ResolvedConnectionConfig,
  type Result,
  ok,
  SecretProver,
  SecretVerifier,
} from '@entropynet/core';
import { CloseCode } from './web-socket-protocol.js';

/** The end of the socket that this side has. */
export type WebSocketSide = 'server' | 'client';

/**
 * The messages before the first frame: the greeting of each side and, if both have a secret, the server's challenge,
 * the client's answer and the server's proof. Each is one binary message.
 */
export class Greeting {
  readonly #config: ResolvedConnectionConfig;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #verifier: SecretVerifier | undefined;
  readonly #prover: SecretProver | undefined;
  #peer: PeerGreeting | undefined;
  #hasAnswered = false;

  constructor(side: WebSocketSide, config: ResolvedConnectionConfig, send: (bytes: Uint8Array) => void) {
    this.#config = config;
    this.#send = send;
    if (config.secret === undefined) return;
    if (side === 'server') this.#verifier = new SecretVerifier(config.secret);
    else this.#prover = new SecretProver(config.secret);
  }

  /** The close code of a failed greeting: the peer used another protocol, or has no access. */
  get closeCode(): CloseCode {
    return this.#peer === undefined ? CloseCode.ProtocolError : CloseCode.PolicyViolation;
  }

  /** Sends the limits of this side. */
  begin(): void {
    this.#send(encodePeerLimits(this.#config));
  }

  /**
   * Takes the peer's next message. Returns ok with the peer's limits after the last one, and undefined if more must
   * follow.
   */
  receive(message: Uint8Array): Result<PeerLimits | undefined> {
    const peer = this.#peer;
    if (peer === undefined) return this.#onGreeting(message);
    if (this.#verifier !== undefined) {
      const proof = this.#verifier.check(message);
      if (!proof.ok) return proof;
      this.#send(proof.value);
      return ok(peer);
    }
    return this.#onServer(message, peer);
  }

  #onGreeting(message: Uint8Array): Result<PeerLimits | undefined> {
    const peer = decodePeerLimits(message);
    if (!peer.ok) return peer;
    this.#peer = peer.value;
    const agreed = agreeOnSecret(this.#config.secret, peer.value.hasSecret);
    if (!agreed.ok) return agreed;
    if (!agreed.value) return peer;
    if (this.#verifier !== undefined) this.#send(this.#verifier.challenge);
    return ok(undefined);
  }

  /** Handles the server's challenge, then its proof. */
  #onServer(message: Uint8Array, peer: PeerGreeting): Result<PeerLimits | undefined> {
    if (this.#prover === undefined) return ok(peer);
    if (this.#hasAnswered) {
      const checked = this.#prover.check(message);
      return checked.ok ? ok(peer) : checked;
    }
    const answer = this.#prover.answer(message);
    if (!answer.ok) return answer;
    this.#hasAnswered = true;
    this.#send(answer.value);
    return ok(undefined);
  }
}
