import { runAsMicrotask } from '../platform/clock.js';
import type { Channel, OutgoingHalf } from './channel.js';

/** The senders that got a refusal and wait for the report that they may send again. */
export class DrainReports {
  /** The halves to look at in the next `tell`. */
  readonly #due = new Set<OutgoingHalf>();
  readonly #onDrain: (channel: Channel) => void;
  readonly #mayGoOn: () => boolean;
  /** Whether a microtask will report. */
  #isTelling = false;

  /**
   * @param mayGoOn is asked before each report, because the report before it runs user code, which may fill the
   * transport
   */
  constructor(onDrain: (channel: Channel) => void, mayGoOn: () => boolean) {
    this.#onDrain = onDrain;
    this.#mayGoOn = mayGoOn;
  }

  /** Notes that a sender on the half got a refusal. */
  owe(half: OutgoingHalf): void {
    half.owesDrain = true;
    this.#due.add(half);
  }

  /** Notes that a message has left the half, or that its window grew. */
  noteChange(half: OutgoingHalf): void {
    if (half.owesDrain && half.isClear) this.#due.add(half);
  }

  /** Removes the half, because nobody may send on it any more. */
  forget(half: OutgoingHalf): void {
    this.#due.delete(half);
  }

  clear(): void {
    this.#due.clear();
  }

  /** Reports to the senders that may send again. */
  tell(): void {
    if (this.#due.size === 0) return;
    for (const half of [...this.#due]) {
      if (!this.#mayGoOn()) return;
      this.#due.delete(half);
      // A half that is not drained returns to this set when its window grows or its queue empties.
      if (!half.isDrained || !half.owesDrain) continue;
      half.owesDrain = false;
      this.#onDrain(half.channel);
    }
  }

  /**
   * The same in a microtask. A report runs code of the program, which may send for a long time. The frames that arrived
   * together with this side's window come first: an answer on the urgent channel must not wait for an upload.
   */
  tellSoon(): void {
    if (this.#due.size === 0 || this.#isTelling) return;
    this.#isTelling = true;
    runAsMicrotask(this.#tellNow);
  }

  readonly #tellNow = (): void => {
    this.#isTelling = false;
    this.tell();
  };
}
