import type { NetworkError } from '@entropynet/core';
import { Heartbeat, isSameBytes, monotonicNow } from '@entropynet/core/platform';
import { randomBytes } from './bytes.js';
import type { NatsHeartbeatConfig } from './nats-options.js';

/** The length of a ping's contents, in bytes. A peer can't guess them. */
export const PING_BYTES = 8;

/** The functions of a link that its health check calls. */
export interface LinkHealthHost {
  /** Asks the peer for a sign of life. */
  ask(payload: Uint8Array): void;
  onResponsivenessChanged(isResponsive: boolean): void;
  /** No participant is subscribed to the peer's subject. */
  onGone(): void;
  /** The peer was silent for too long. Resolves with the reason, which may lie with a NATS server. */
  findReason(): Promise<NetworkError>;
  /** The peer was silent for too long, and until the reason was found. */
  onSilent(reason: NetworkError): void;
  /** One interval has passed. */
  onBeat(): void;
}

/**
 * Checks a peer for signs of life. Every message is one. After an interval without a message, this side asks the peer.
 * The question is a request of NATS, so that the NATS server itself answers if no participant is subscribed.
 */
export class LinkHealth {
  readonly #host: LinkHealthHost;
  readonly #beatMs: number;
  readonly #timeoutMs: number;
  /** Whether the peer authenticates its messages. Another participant could still forge the NATS server's answer. */
  readonly #isSealed: boolean;
  readonly #leaveHeartbeat: () => void;
  #hasHeard = true;
  /**
   * The number of beats since the NATS server reported that the peer is gone; undefined if it did not, or if the peer
   * sent a message since.
   */
  #suspectBeats: number | undefined;
  #silentBeats = 0;
  #isResponsive = true;
  #isFindingReason = false;
  #ping: { readonly sentAt: number; readonly payload: Uint8Array } | undefined;
  #roundTripMs: number | undefined;

  constructor({ intervalMs, timeoutMs }: NatsHeartbeatConfig, isSealed: boolean, host: LinkHealthHost) {
    this.#host = host;
    this.#isSealed = isSealed;
    this.#beatMs = Math.min(intervalMs, Math.max(1, Math.floor(timeoutMs / 2)));
    this.#timeoutMs = timeoutMs;
    this.#leaveHeartbeat = Heartbeat.join(this.#beatMs, {
      onBeat: () => {
        this.#onBeat();
      },
    });
  }

  /** The round trip of the last answered ping, in milliseconds; undefined before the first answer. */
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

  /** The NATS server reports that no participant is subscribed to the peer's subject. */
  onNobody(): void {
    if (!this.#isSealed) this.#host.onGone();
    else if (this.#suspectBeats === undefined) {
      // Any participant can forge that report. A peer that authenticates its messages has a whole interval to send one.
      this.#suspectBeats = 0;
      this.#hasHeard = false;
      this.#askNow();
    }
  }

  /** Stops the checks. */
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
      // The first beat may follow the report at once.
      if (this.#suspectBeats > 1) {
        this.#host.onGone();
        return;
      }
    }
    this.#silentBeats += 1;
    if (this.#isSilent) {
      this.#askForReason();
      return;
    }
    // The question of the beat before has had a whole interval for its answer.
    if (this.#silentBeats > 1) this.#setResponsive(false);
    this.#askNow();
  }

  get #isSilent(): boolean {
    // After the first beat this side asked, and the answer has the time until the second one.
    return !this.#hasHeard && this.#silentBeats > 1 && this.#silentBeats * this.#beatMs >= this.#timeoutMs;
  }

  #askForReason(): void {
    if (this.#isFindingReason) return;
    this.#isFindingReason = true;
    void this.#host.findReason().then((reason) => {
      this.#isFindingReason = false;
      // A sign of life in between is in time.
      if (this.#isSilent) this.#host.onSilent(reason);
    });
  }

  #askNow(): void {
    // An unanswered question is repeated. Its answer shows the time since the first one.
    this.#ping ??= { sentAt: monotonicNow(), payload: randomBytes(PING_BYTES) };
    this.#host.ask(this.#ping.payload);
  }

  #setResponsive(isResponsive: boolean): void {
    if (this.#isResponsive === isResponsive) return;
    this.#isResponsive = isResponsive;
    this.#host.onResponsivenessChanged(isResponsive);
  }
}
