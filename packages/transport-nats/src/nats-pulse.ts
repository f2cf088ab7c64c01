import { Heartbeat, startLimit } from '@entropynet/core/platform';
import type { NatsHeartbeatConfig } from './nats-options.js';

/** The functions of a NATS connection that its pulse calls. */
export interface NatsPulseHooks {
  /** Asks the NATS server. Resolves with false if the NATS connection breaks first. */
  ask(): Promise<boolean>;
  /** Returns the number of messages that the NATS server has delivered. */
  messagesHeard(): number;
  /** The NATS server gave no sign of life for `timeoutMs`. */
  onSilent(): void;
}

/**
 * Checks a NATS server for signs of life. Its answer to a question is one, and so is every message that it delivers: on
 * a slow line the answer may be behind many of them.
 */
export class NatsPulse {
  readonly #config: NatsHeartbeatConfig;
  readonly #hooks: NatsPulseHooks;
  #hasAnswered = true;
  #silentBeats = 0;
  /** The number of messages at the last beat. */
  #heardBefore = 0;
  #leaveHeartbeat: (() => void) | undefined;

  constructor(config: NatsHeartbeatConfig, hooks: NatsPulseHooks) {
    this.#config = config;
    this.#hooks = hooks;
  }

  /**
   * Asks the NATS server in every interval from now on. A listening server has no peer to ask, and a NATS server may
   * disappear silently.
   */
  start(): void {
    const { intervalMs, timeoutMs } = this.#config;
    const beatMs = Math.min(intervalMs, timeoutMs);
    this.#leaveHeartbeat = Heartbeat.join(beatMs, {
      onBeat: () => {
        this.#onBeat(beatMs, timeoutMs);
      },
    });
  }

  /** Asks no more. Idempotent. */
  stop(): void {
    this.#leaveHeartbeat?.();
  }

  /** Resolves with whether the NATS server gives a sign of life within that time. */
  async answersWithin(timeoutMs: number): Promise<boolean> {
    const heard = this.#hooks.messagesHeard();
    let stopLimit = (): void => undefined;
    const atTheLimit = new Promise<boolean>((resolve) => {
      stopLimit = startLimit(() => {
        resolve(this.#hooks.messagesHeard() !== heard);
      }, timeoutMs);
    });
    const hasAnswered = await Promise.race([this.#hooks.ask(), atTheLimit]);
    stopLimit();
    return hasAnswered;
  }

  #onBeat(beatMs: number, timeoutMs: number): void {
    const heard = this.#hooks.messagesHeard();
    const hasHeard = heard !== this.#heardBefore;
    this.#heardBefore = heard;
    if (this.#hasAnswered) {
      this.#hasAnswered = false;
      this.#silentBeats = 0;
      void this.#hooks.ask().then(() => {
        this.#hasAnswered = true;
        this.#silentBeats = 0;
      });
      return;
    }
    this.#silentBeats = hasHeard ? 0 : this.#silentBeats + 1;
    if (this.#silentBeats * beatMs >= timeoutMs) this.#hooks.onSilent();
  }
}
