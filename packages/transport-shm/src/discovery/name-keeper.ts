import { debugLog, WarningLimiter } from '@entropynet/core';
import type { LocalSocket } from '../native-binding.js';
import { clearInterval, setInterval } from '../platform-time.js';
import type { NameClaim } from './name-claim.js';

const log = debugLog('shm');

/**
 * The interval at which a server checks its names, in milliseconds. Reading the status of two files costs microseconds.
 */
const CHECK_MS = 1000;

/**
 * Keeps a listening server reachable: it makes the names again that a cleaner of temporary files or a person has
 * removed. It uses a timer, because a user can have only a few directory watches, and a watch ends with its directory.
 */
export class NameKeeper {
  readonly #claim: NameClaim;
  readonly #endpoint: string;
  readonly #onReplaced: (socket: LocalSocket) => void;
  readonly #warnings = new WarningLimiter();
  readonly #timer: NodeJS.Timeout;
  #renewal: Promise<void> | undefined;
  #isStopped = false;

  /** @param onReplaced called with the old socket, which has no name any more, after the claim listens at a new one */
  constructor(claim: NameClaim, endpoint: string, onReplaced: (socket: LocalSocket) => void) {
    this.#claim = claim;
    this.#endpoint = endpoint;
    this.#onReplaced = onReplaced;
    this.#timer = setInterval(() => {
      if (this.#renewal !== undefined || claim.isIntact) return;
      this.#renewal = this.#renew().finally(() => {
        this.#renewal = undefined;
      });
    }, CHECK_MS).unref();
  }

  /** Stops. From now on only the caller uses the claim. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#renewal;
  }

  async #renew(): Promise<void> {
    const renewed = await this.#claim.renew();
    if (!renewed.ok) {
      this.#warnings.warn(
        `EntropyNet server '${this.#endpoint}' has lost its names and clients don't find it: ${renewed.error.message}`,
      );
      return;
    }
    if (renewed.value === undefined) return;
    log(() => `created the names of '${this.#endpoint}' again`);
    if (this.#isStopped) renewed.value.close();
    else this.#onReplaced(renewed.value);
  }
}
