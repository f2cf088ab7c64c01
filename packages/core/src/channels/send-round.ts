import type { OutgoingHalf } from './channel.js';
import { Fifo } from './fifo.js';

/**
 * The channels that have something to write and the window for it, in the order of their turns: one frame each. The
 * urgent channel comes before every other turn, so that no bulk transfer holds it up and it holds up none.
 */
export class SendRound {
  readonly #turns = new Fifo<OutgoingHalf>();
  #urgent: OutgoingHalf | undefined;
  #wasUrgent = false;

  get isEmpty(): boolean {
    return this.#urgent === undefined && this.#turns.length === 0;
  }

  /** Puts a half at the end of the round, unless it is in it. */
  add(half: OutgoingHalf): void {
    if (half.isInRound) return;
    half.isInRound = true;
    if (half.isUrgent) this.#urgent = half;
    else this.#turns.push(half);
  }

  /** Whose turn it is. It stays its turn until `end`. */
  get current(): OutgoingHalf | undefined {
    const next = this.#turns.head;
    return this.#urgent !== undefined && (!this.#wasUrgent || next === undefined) ? this.#urgent : next;
  }

  /** The turn of the current half is over. Where it is to have another one, `add` follows. */
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
