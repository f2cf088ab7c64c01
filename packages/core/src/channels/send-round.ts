import type { OutgoingHalf } from './channel.js';
import { Fifo } from './fifo.js';

/**
 * The channels that have frames to write and window for them, in the order of their turns. A turn is one frame. The
 * urgent channel comes before every other turn, so that no bulk transfer delays it and it delays none.
 */
export class SendRound {
  readonly #turns = new Fifo<OutgoingHalf>();
  #urgent: OutgoingHalf | undefined;
  #wasUrgent = false;

  get isEmpty(): boolean {
    return this.#urgent === undefined && this.#turns.length === 0;
  }

  /** Adds a half at the end of the round, unless it is in the round. */
  add(half: OutgoingHalf): void {
    if (half.isInRound) return;
    half.isInRound = true;
    if (half.isUrgent) this.#urgent = half;
    else this.#turns.push(half);
  }

  /** The half whose turn it is. The turn lasts until `end`. */
  get current(): OutgoingHalf | undefined {
    const next = this.#turns.head;
    return this.#urgent !== undefined && (!this.#wasUrgent || next === undefined) ? this.#urgent : next;
  }

  /** Ends the turn of the current half. For another turn, `add` follows. */
  end(half: OutgoingHalf): void {
    half.isInRound = false;
    this.#wasUrgent = half === this.#urgent;
    if (this.#wasUrgent) this.#urgent = undefined;
    else this.#turns.shift();
  }

  clear(): void {
    for (let half = this.current; half !== undefined; half = this.current) this.end(half);
  }
}
