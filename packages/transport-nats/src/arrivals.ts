import type { NetworkError } from '@entropynet/core';
import { type Arrival, type FrameTaker, IncomingLane } from './incoming-lane.js';
import { afterOf, hasReached, Lane, numberOf } from './nats-protocol.js';
import type { ReceiveShare } from './receive-budget.js';

/** What the arrivals need of their link. */
export interface ArrivalsHost {
  readonly takeFrame: FrameTaker;
  /** Whether nothing is delivered any more. */
  readonly isOver: () => boolean;
  /** What the peer sent are no frames. */
  onWrong(error: NetworkError): void;
  /** The peer may send so many more bytes on a lane. */
  onRenewed(lane: Lane, bytes: number): void;
}

/** What arrived on both lanes, in the order in which it is delivered. */
export class Arrivals {
  readonly #host: ArrivalsHost;
  readonly #lanes: readonly [prompt: IncomingLane, bulk: IncomingLane];
  readonly #bodyStart: number;
  #isReceiving = false;
  /** Data that arrived before somebody takes them. */
  #held: { readonly lane: Lane; readonly message: Uint8Array }[] = [];
  /** Messages of the bulk lane that arrived before what they must come after. */
  #early: Uint8Array[] = [];

  /** @param bodyStart where the body of a message begins */
  constructor(shares: readonly [ReceiveShare, ReceiveShare], bodyStart: number, host: ArrivalsHost) {
    this.#lanes = [new IncomingLane(shares[0]), new IncomingLane(shares[1])];
    this.#bodyStart = bodyStart;
    this.#host = host;
  }

  /** Whether frames are delivered by now. */
  get isReceiving(): boolean {
    return this.#isReceiving;
  }

  /** Whether nothing is held for a receiver. */
  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** Judges a message by its number. */
  judge(lane: Lane, message: Uint8Array): Arrival {
    return this.#lanes[lane].arrive(numberOf(message));
  }

  /** Takes data; false where the peer had no leave to send so much. */
  take(lane: Lane, message: Uint8Array): boolean {
    if (!this.#lanes[lane].spend(message.length - this.#bodyStart)) return false;
    const isEarly = lane === Lane.Bulk && (this.#early.length > 0 || !this.#isDue(message));
    if (isEarly) this.#early.push(new Uint8Array(message));
    else this.#deliverOrHold(lane, message);
    return true;
  }

  /** Takes what waited for the prompt lane, after each of its messages. */
  // Hot path: the first line.
  takeEarly(): void {
    if (this.#early.length === 0) return;
    while (this.#early[0] !== undefined && this.#isDue(this.#early[0])) {
      this.#deliverOrHold(Lane.Bulk, this.#early.shift() as Uint8Array);
    }
  }

  /** Delivers from here on: first what was held. */
  start(): void {
    this.#isReceiving = true;
    const held = this.#held;
    this.#held = [];
    for (const { lane, message } of held) if (!this.#host.isOver()) this.#deliver(lane, message);
  }

  /** Whether everything of the bulk lane up to that number is delivered or held. */
  hasAllOf(lastBulk: number): boolean {
    return this.#lanes[Lane.Bulk].taken >= lastBulk && this.#early.length === 0;
  }

  /** Nothing is delivered any more. */
  clear(): void {
    this.#held = [];
    this.#early = [];
  }

  #deliverOrHold(lane: Lane, message: Uint8Array): void {
    if (this.#isReceiving) this.#deliver(lane, message);
    // A copy: the bytes lie in memory that holds much else.
    else this.#held.push({ lane, message: new Uint8Array(message) });
  }

  #isDue(message: Uint8Array): boolean {
    return hasReached(this.#lanes[Lane.Prompt].taken, afterOf(message));
  }

  // Hot path.
  #deliver(lane: Lane, message: Uint8Array): void {
    const { takeFrame, isOver } = this.#host;
    const wrong = this.#lanes[lane].read(message, this.#bodyStart, takeFrame, isOver);
    if (wrong !== undefined) {
      this.#host.onWrong(wrong);
      return;
    }
    if (isOver()) return;
    const renewed = this.#lanes[lane].share.renew();
    if (renewed > 0) this.#host.onRenewed(lane, renewed);
  }
}
