import type { Channel, OutgoingHalf } from './channel.js';

/** The senders that got a refusal and wait for the report that they may send again. */
export class DrainReports {
  /** The halves to look at in the next `tell`. */
  readonly #due = new Set<OutgoingHalf>();

  get isEmpty(): boolean {
    return this.#due.size === 0;
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

  /**
   * Reports to the senders that may send again.
   * @param mayGoOn is asked before each report, because the report before it runs user code, which may fill the
   * transport
   */
  tell(onDrain: (channel: Channel) => void, mayGoOn: () => boolean): void {
    for (const half of [...this.#due]) {
      if (!mayGoOn()) return;
      this.#due.delete(half);
      // A half that is not drained returns to this set when its window grows or its queue empties.
      if (!half.isDrained || !half.owesDrain) continue;
      half.owesDrain = false;
      onDrain(half.channel);
    }
  }
}
