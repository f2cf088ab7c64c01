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

/** Which end of the socket this is. */
export type WebSocketSide = 'server' | 'client';

/**
 * The messages before the first frame: each side's greeting and, where both have a secret, the server's challenge, the
 * client's answer and the server's proof; one binary message each.
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

  /** With which code a failed greeting ends: the peer spoke another protocol, or it may not come in. */
  get closeCode(): CloseCode {
    return this.#peer === undefined ? CloseCode.ProtocolError : CloseCode.PolicyViolation;
  }

  /** Says what this side is prepared to receive. */
  begin(): void {
    this.#send(encodePeerLimits(this.#config));
  }

  /** Takes the peer's next message; ok with its limits when that was the last one, undefined when more must come. */
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

  /** The server's challenge, then its proof. */
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
