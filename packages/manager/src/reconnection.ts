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

/** What no further attempt of the same configuration can heal. */
const PERMANENT: ReadonlySet<NetworkErrorCode> = new Set(['InvalidParameter', 'NotSupported', 'IncompatibleVersion']);

/** What a reconnection asks of its slot. */
export interface ReconnectionHooks {
  /** Tries every candidate once; the outcome comes back through `succeeded` or `attemptFailed`. */
  readonly attempt: () => void;
  readonly emit: <E extends keyof HandleEvents>(event: E, ...values: Parameters<HandleEvents[E]>) => void;
}

interface Outage {
  /** When the connection ended (`monotonicNow()`). */
  readonly since: number;
  readonly atRisk: UnconfirmedSends;
  reason: NetworkError;
  attempts: number;
}

/**
 * When a slot connects again: waits that grow, with chance taken off, until a connection stands or it is given up. What
 * was sent is the program's to send again, for only it knows what the peer has acted on; the events say how much that may be.
 */
export class Reconnection {
  readonly #policy: ReconnectConfig;
  readonly #hooks: ReconnectionHooks;
  #generation = 0;
  #outage: Outage | undefined;
  #timer: Timer | undefined;
  #isReferenced = true;
  #connectedAt = 0;
  /** Why it was given up, until that is reported. */
  #givenUp: NetworkError | undefined;
  /** How often the wait has grown; outlives connections that do not last, so that such a server is not hammered. */
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

  /** There is a connection. */
  succeeded(): void {
    this.#clearTimer();
    const outage = this.#outage;
    const now = monotonicNow();
    this.#outage = undefined;
    this.#generation += 1;
    this.#connectedAt = now;
    if (outage === undefined) return;
    const { attempts, since, atRisk } = outage;
    this.#hooks.emit('reconnected', { generation: this.#generation, attempts, outageMs: now - since, atRisk });
  }

  /** The connection ended, and not by this side; `proceed` follows when that was reported. */
  ended(error: NetworkError | undefined, atRisk: UnconfirmedSends): void {
    if (error === undefined && !this.#policy.afterGoodbye) return;
    const since = monotonicNow();
    if (since - this.#connectedAt >= this.#policy.maxDelayMs) this.#growth = 0;
    const reason = error ?? new NetworkError('ConnectionClosed', 'the peer ended the connection with a goodbye');
    this.#outage = { since, atRisk, reason, attempts: 0 };
  }

  /** An attempt begins, this one's or the program's own. */
  attempting(): void {
    this.#clearTimer();
  }

  /** Whether another connection is to follow. */
  get isPending(): boolean {
    return this.#outage !== undefined;
  }

  /** No candidate could be connected to; `codes` are those of all that were tried. `proceed` follows when it was reported. */
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

  /** The end was reported: sets the time of the next attempt, or tells that there is none. */
  proceed(): void {
    const givenUp = this.#givenUp;
    this.#givenUp = undefined;
    if (givenUp !== undefined) this.#hooks.emit('reconnectFailed', givenUp);
    else this.#schedule();
  }

  /** Sets the time of the next attempt and tells of it. */
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

  /** The program wants no connection any more, or it is given up. */
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
