import { monotonicNow, startLimit } from '../platform/clock.js';
import type { OutgoingHalf } from './channel.js';
import type { QueuedMessage } from './message-line.js';

/**
 * The largest number of messages that time out in one turn of the event loop. Ending a whole long queue at once would
 * block it.
 */
const MAX_EXPIRED_AT_ONCE = 256;

/**
 * One time limit for all waiting messages. All have the same time limit, so they time out in the order in which they began
 * to wait.
 */
export class SendDeadlines {
  /** Each message with the half on which it waits. */
  readonly #waiting = new Map<QueuedMessage, OutgoingHalf>();
  readonly #onExpired: (messages: ReadonlyMap<QueuedMessage, OutgoingHalf>) => void;
  /** Stops the running time limit; undefined if none runs. */
  #stopLimit: (() => void) | undefined;

  /** @param onExpired must remove each of the messages with `delete` */
  constructor(onExpired: (messages: ReadonlyMap<QueuedMessage, OutgoingHalf>) => void) {
    this.#onExpired = onExpired;
  }

  add(half: OutgoingHalf, message: QueuedMessage): void {
    this.#waiting.set(message, half);
    // A message behind others needs no new limit: either theirs runs, or `#expire` runs and starts the next one.
    if (this.#waiting.size === 1) this.#arm(message);
  }

  /** Removes a message that no longer waits. */
  delete(message: QueuedMessage): void {
    if (!this.#waiting.delete(message) || this.#waiting.size > 0) return;
    this.#stopLimit?.();
    this.#stopLimit = undefined;
  }

  #arm(next: QueuedMessage): void {
    const delayMs = Math.max(1, Math.ceil(next.deadline - monotonicNow()));
    this.#stopLimit = startLimit(() => {
      this.#expire();
    }, delayMs);
  }

  #expire(): void {
    this.#stopLimit = undefined;
    const now = monotonicNow();
    const expired = new Map<QueuedMessage, OutgoingHalf>();
    for (const [message, half] of this.#waiting) {
      if (message.deadline > now || expired.size === MAX_EXPIRED_AT_ONCE) break;
      expired.set(message, half);
    }
    this.#onExpired(expired);
    const [next] = this.#waiting.keys();
    if (next !== undefined && this.#stopLimit === undefined) this.#arm(next);
  }
}
