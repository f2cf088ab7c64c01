import type { Receiver } from './receiver.js';

/** The largest number of companions. A window looks at each of them in turn. */
const MAX_COMPANIONS = 8;

/**
 * Receivers that had work in turns, at most eight. If one of them polls, the next message may come for another one that
 * sleeps: a program that passes messages on gets them in turn from its connections. So they poll together. Otherwise the window
 * is in vain, and the wake of the other one must wait for its end.
 */
export class Companions {
  readonly #receivers: Receiver[] = [];
  /** The place of the next receiver, if all places are in use. */
  #next = 0;

  get receivers(): readonly Receiver[] {
    return this.#receivers;
  }

  /** Notes a receiver that had work. */
  add(receiver: Receiver): void {
    if (receiver.strategy.mode !== 'adaptive' || this.#receivers.includes(receiver)) return;
    if (this.#receivers.length < MAX_COMPANIONS) {
      this.#receivers.push(receiver);
      return;
    }
    this.#receivers[this.#next] = receiver;
    this.#next = (this.#next + 1) % MAX_COMPANIONS;
  }

  remove(receiver: Receiver): void {
    const index = this.#receivers.indexOf(receiver);
    if (index >= 0) this.#receivers.splice(index, 1);
  }
}
