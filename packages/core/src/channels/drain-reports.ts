import type { Channel, OutgoingHalf } from './channel.js';

/** The senders that were refused and wait for the report that they may go on. */
export class DrainReports {
  /** Halves whose senders may get the report at the next look. */
  readonly #due = new Set<OutgoingHalf>();

  get isEmpty(): boolean {
    return this.#due.size === 0;
  }

  /** A sender was refused on the half. */
  owe(half: OutgoingHalf): void {
    half.owesDrain = true;
    this.#due.add(half);
  }

  /** Something has left the half, or its window grew. */
  noteChange(half: OutgoingHalf): void {
    if (half.owesDrain && half.isClear) this.#due.add(half);
  }

  /** Nobody may send on the half any more. */
  forget(half: OutgoingHalf): void {
    this.#due.delete(half);
  }

  clear(): void {
    this.#due.clear();
  }

  /**
   * Reports to the senders that may go on.
   * @param mayGoOn is asked before each report: the one before it runs user code, which may fill the transport
   */
  tell(onDrain: (channel: Channel) => void, mayGoOn: () => boolean): void {
    for (const half of [...this.#due]) {
      if (!mayGoOn()) return;
      this.#due.delete(half);
      // Otherwise window that comes back, or the end of its queue, puts it back here.
      if (!half.isDrained || !half.owesDrain) continue;
      half.owesDrain = false;
      onDrain(half.channel);
    }
  }
}
