import { monotonicNow, startTimer, stopTimer, type Timer } from '../platform/clock.js';
import type { OutgoingHalf } from './channel.js';
import type { QueuedMessage } from './message-line.js';

/** So many messages time out in one turn of the event loop: telling all of a long queue at once would hold it up. */
const MAX_EXPIRED_AT_ONCE = 256;

/** One timer for all messages that wait. They time out in the order in which they began to wait: all have the same time. */
export class SendDeadlines {
  /** Each with the half on which it waits. */
  readonly #waiting = new Map<QueuedMessage, OutgoingHalf>();
  readonly #onExpired: (messages: ReadonlyMap<QueuedMessage, OutgoingHalf>) => void;
  #timer: Timer | undefined;

  /** @param onExpired must take each of the messages out with `delete` */
  constructor(onExpired: (messages: ReadonlyMap<QueuedMessage, OutgoingHalf>) => void) {
    this.#onExpired = onExpired;
  }

  add(half: OutgoingHalf, message: QueuedMessage): void {
    this.#waiting.set(message, half);
    // A message behind others needs no timer of its own: theirs runs, or `#expire` is at work and starts the next one.
    if (this.#waiting.size === 1) this.#arm(message);
  }

  /** The message waits no longer. */
  delete(message: QueuedMessage): void {
    if (!this.#waiting.delete(message) || this.#waiting.size > 0) return;
    stopTimer(this.#timer);
    this.#timer = undefined;
  }

  #arm(next: QueuedMessage): void {
    const delayMs = Math.max(1, Math.ceil(next.deadline - monotonicNow()));
    this.#timer = startTimer(() => {
      this.#expire();
    }, delayMs);
  }

  #expire(): void {
    this.#timer = undefined;
    const now = monotonicNow();
    const expired = new Map<QueuedMessage, OutgoingHalf>();
    for (const [message, half] of this.#waiting) {
      if (message.deadline > now || expired.size === MAX_EXPIRED_AT_ONCE) break;
      expired.set(message, half);
    }
    this.#onExpired(expired);
    const [next] = this.#waiting.keys();
    if (next !== undefined && this.#timer === undefined) this.#arm(next);
  }
}
