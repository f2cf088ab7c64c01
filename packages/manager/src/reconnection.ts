import {
  debugLog,
  NetworkError,
  type NetworkErrorCode,
  type ReconnectConfig,
  type UnconfirmedSends,
} from '@entropynet/core';
import { monotonicNow, setTimerReferenced, startTimer, stopTimer, type Timer } from '@entropynet/core/platform';
import type { HandleEvents, ReconnectionStatus } from './handle-events.js';

const log = debugLog('manager');

/** Errors that no later attempt with the same configuration can avoid. */
const PERMANENT: ReadonlySet<NetworkErrorCode> = new Set(['InvalidParameter', 'NotSupported', 'IncompatibleVersion']);

/** The functions of the slot that a reconnection calls. */
export interface ReconnectionHooks {
  /** Tries every candidate once. Then it calls `succeeded` or `attemptFailed`. */
  readonly attempt: () => void;
  readonly emit: <E extends keyof HandleEvents>(event: E, ...values: Parameters<HandleEvents[E]>) => void;
}

interface Outage {
  /** The time of the connection's end (`monotonicNow()`). */
  readonly since: number;
  readonly atRisk: UnconfirmedSends;
  reason: NetworkError;
  attempts: number;
}

/**
 * Decides when a slot reconnects. The waits grow, and a part of each is random, until an attempt succeeds or the handle
 * gives up. It sends no message again: only the program knows which messages the peer has handled. The events say how
 * many may be lost.
 */
export class Reconnection {
  readonly #policy: ReconnectConfig;
  readonly #hooks: ReconnectionHooks;
  #generation = 0;
  #outage: Outage | undefined;
  #timer: Timer | undefined;
  #isReferenced = true;
  #connectedAt = 0;
  /** The reason for giving up, until it is reported. */
  #givenUp: NetworkError | undefined;
  /**
   * How often the wait has grown. A short connection does not reset it, so that a failing server does not get many
   * attempts.
   */
  #growth = 0;

  constructor(policy: ReconnectConfig, hooks: ReconnectionHooks) {
    this.#policy = policy;
    this.#hooks = hooks;
  }

  get status(): ReconnectionStatus {
    return Object.freeze({
      generation: this.#generation,
      reason: this.#outage?.reason,
      attempts: this.#outage?.attempts ?? 0,
    });
  }

  /** The handle has its next connection. */
  made(): void {
    this.#generation += 1;
  }

  /** `connected` was reported, and the connection has not ended meanwhile. */
  succeeded(): void {
    this.#clearTimer();
    const outage = this.#outage;
    const now = monotonicNow();
    this.#outage = undefined;
    this.#connectedAt = now;
    if (outage === undefined) return;
    const { attempts, since, atRisk } = outage;
    this.#hooks.emit('reconnected', { generation: this.#generation, attempts, outageMs: now - since, atRisk });
  }

  /** The connection ended, and not by this side. `proceed` follows after the end was reported. */
  ended(error: NetworkError | undefined, atRisk: UnconfirmedSends): void {
    if (error === undefined && !this.#policy.afterGoodbye) return;
    const since = monotonicNow();
    if (since - this.#connectedAt >= this.#policy.maxDelayMs) this.#growth = 0;
    const reason = error ?? new NetworkError('ConnectionClosed', 'the peer ended the connection with a goodbye');
    this.#outage = { since, atRisk, reason, attempts: 0 };
  }

  /** An attempt begins: an automatic one, or one of the program. */
  attempting(): void {
    this.#clearTimer();
  }

  /** Whether another attempt follows. */
  get isPending(): boolean {
    return this.#outage !== undefined;
  }

  /** Every candidate failed; `codes` are their codes. `proceed` follows after the failure was reported. */
  attemptFailed(error: NetworkError, codes: readonly NetworkErrorCode[]): void {
    const outage = this.#outage;
    if (outage === undefined) return;
    outage.reason = error;
    const { maxAttempts = Infinity } = this.#policy;
    const isHopeless = codes.length > 0 && codes.every((code) => PERMANENT.has(code));
    if (!isHopeless && outage.attempts < maxAttempts) return;
    log(() => `gave up reconnecting after ${outage.attempts} attempts: ${error.message}`);
    this.stop();
    this.#givenUp = error;
  }

  /** The end was reported: schedules the next attempt, or reports that there is none. */
  proceed(): void {
    const givenUp = this.#givenUp;
    this.#givenUp = undefined;
    if (givenUp !== undefined) this.#hooks.emit('reconnectFailed', givenUp);
    else this.#schedule();
  }

  /** Schedules the next attempt and reports it. */
  #schedule(): void {
    const outage = this.#outage;
    if (outage === undefined || this.#timer !== undefined) return;
    const { initialDelayMs, maxDelayMs, factor, jitter } = this.#policy;
    const longest = Math.min(maxDelayMs, initialDelayMs * factor ** this.#growth);
    const delayMs = Math.round(longest * (1 - jitter * Math.random()));
    this.#growth += 1;
    this.#timer = startTimer(() => {
      this.#timer = undefined;
      outage.attempts += 1;
      this.#hooks.attempt();
    }, delayMs);
    if (!this.#isReferenced) setTimerReferenced(this.#timer, false);
    log(() => `connects again in ${delayMs} ms: ${outage.reason.message}`);
    this.#hooks.emit('reconnecting', { attempt: outage.attempts + 1, delayMs, reason: outage.reason });
  }

  /** Stops reconnecting: the program has ended the connection, or the handle gave up. */
  stop(): void {
    this.#clearTimer();
    this.#outage = undefined;
    this.#growth = 0;
  }

  /** Whether waiting for the next attempt keeps the process alive. */
  setReferenced(isReferenced: boolean): void {
    this.#isReferenced = isReferenced;
    if (this.#timer !== undefined) setTimerReferenced(this.#timer, isReferenced);
  }

  #clearTimer(): void {
    stopTimer(this.#timer);
    this.#timer = undefined;
  }
}
