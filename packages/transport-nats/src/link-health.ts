import { Heartbeat, isSameBytes, monotonicNow } from '@entropynet/core/platform';
import { randomBytes } from './bytes.js';
import type { NatsHeartbeatConfig } from './nats-options.js';

/** What a ping carries, in bytes: a peer can't guess it. */
export const PING_BYTES = 8;

/** What the signs of life of a link need of it. */
export interface LinkHealthHost {
  /** Asks the peer for a sign of life. */
  ask(payload: Uint8Array): void;
  onResponsivenessChanged(isResponsive: boolean): void;
  /** Nobody is subscribed to the peer's subject. */
  onGone(): void;
  /** The peer was silent for too long. */
  onSilent(): void;
  /** One interval has passed. */
  onBeat(): void;
}

/**
 * Watches a peer for signs of life. Every message is one; where an interval passed without any, the peer is asked. The
 * question is a request of NATS, so that the NATS server itself answers where nobody is there.
 */
export class LinkHealth {
  readonly #host: LinkHealthHost;
  readonly #beatMs: number;
  readonly #timeoutMs: number;
  /** Whether another participant could have forged the NATS server's answer while the peer proves what it sends. */
  readonly #isSealed: boolean;
  readonly #leaveHeartbeat: () => void;
  #hasHeard = true;
  /** Beats since the NATS server said that the peer is gone, and nothing of it was heard since; undefined where it did not. */
  #suspectBeats: number | undefined;
  #silentBeats = 0;
  #isResponsive = true;
  #ping: { readonly sentAt: number; readonly payload: Uint8Array } | undefined;
  #roundTripMs: number | undefined;

  constructor({ intervalMs, timeoutMs }: NatsHeartbeatConfig, isSealed: boolean, host: LinkHealthHost) {
    this.#host = host;
    this.#isSealed = isSealed;
    this.#beatMs = Math.min(intervalMs, timeoutMs);
    this.#timeoutMs = timeoutMs;
    this.#leaveHeartbeat = Heartbeat.join(this.#beatMs, {
      onBeat: () => {
        this.#onBeat();
      },
    });
  }

  /** From the last ping that was answered to its answer, in milliseconds; undefined before there is one. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** A message of the peer arrived. */
  onHeard(): void {
    this.#hasHeard = true;
    this.#suspectBeats = undefined;
    this.#setResponsive(true);
  }

  /** An answer to a ping arrived. */
  onPong(payload: Uint8Array): void {
    if (this.#ping === undefined || !isSameBytes(this.#ping.payload, payload)) return;
    this.#roundTripMs = monotonicNow() - this.#ping.sentAt;
    this.#ping = undefined;
  }

  /** The NATS server says that nobody is subscribed to the peer's subject. */
  onNobody(): void {
    if (!this.#isSealed) this.#host.onGone();
    else if (this.#suspectBeats === undefined) {
      // Any participant can forge that word. A peer that proves what it sends has a whole interval to show that it lives.
      this.#suspectBeats = 0;
      this.#hasHeard = false;
      this.#askNow();
    }
  }

  /** Watches no longer. */
  stop(): void {
    this.#leaveHeartbeat();
  }

  #onBeat(): void {
    this.#host.onBeat();
    if (this.#hasHeard) {
      this.#hasHeard = false;
      this.#silentBeats = 0;
      if (this.#roundTripMs === undefined) this.#askNow();
      return;
    }
    if (this.#suspectBeats !== undefined) {
      this.#suspectBeats += 1;
      // The first beat may follow the suspicion at once.
      if (this.#suspectBeats > 1) {
        this.#host.onGone();
        return;
      }
    }
    this.#silentBeats += 1;
    if (this.#silentBeats * this.#beatMs >= this.#timeoutMs) {
      this.#host.onSilent();
      return;
    }
    // The question of the beat before has had a whole interval to be answered.
    if (this.#silentBeats > 1) this.#setResponsive(false);
    this.#askNow();
  }

  #askNow(): void {
    // An unanswered question is asked again: its answer says how long the peer took since the first.
    this.#ping ??= { sentAt: monotonicNow(), payload: randomBytes(PING_BYTES) };
    this.#host.ask(this.#ping.payload);
  }

  #setResponsive(isResponsive: boolean): void {
    if (this.#isResponsive === isResponsive) return;
    this.#isResponsive = isResponsive;
    this.#host.onResponsivenessChanged(isResponsive);
  }
}
