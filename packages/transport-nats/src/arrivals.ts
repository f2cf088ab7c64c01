import { type NetworkError, receiveShortage } from '@entropynet/core';
import { type Arrival, type FrameTaker, IncomingLane } from './incoming-lane.js';
import { afterOf, hasReached, Lane, numberOf } from './nats-protocol.js';
import type { ReceiveShare } from './receive-budget.js';

/** The functions of a link that its arrivals call. */
export interface ArrivalsHost {
  readonly takeFrame: FrameTaker;
  /** Whether the delivery has ended. */
  readonly isOver: () => boolean;
  /** The peer's bytes are no valid frames, or there is no memory for them. */
  onWrong(error: NetworkError): void;
  /** The peer may send this number of further bytes on a lane. */
  onRenewed(lane: Lane, bytes: number): void;
}

/** The messages that arrived on both lanes, in the order of their delivery. */
export class Arrivals {
  readonly #host: ArrivalsHost;
  readonly #lanes: readonly [prompt: IncomingLane, bulk: IncomingLane];
  readonly #bodyStart: number;
  #isReceiving = false;
  /** The data that arrived before a receiver takes them. */
  #held: { readonly lane: Lane; readonly message: Uint8Array }[] = [];
  /** Messages of the bulk lane that arrived before the messages that they must follow. */
  #early: Uint8Array[] = [];

  /** @param bodyStart the start of a message's body */
  constructor(shares: readonly [ReceiveShare, ReceiveShare], bodyStart: number, host: ArrivalsHost) {
    this.#lanes = [new IncomingLane(shares[0]), new IncomingLane(shares[1])];
    this.#bodyStart = bodyStart;
    this.#host = host;
  }

  /** Whether frames are delivered now. */
  get isReceiving(): boolean {
    return this.#isReceiving;
  }

  /** Whether no data wait for a receiver. */
  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** Checks a message by its number. */
  judge(lane: Lane, message: Uint8Array): Arrival {
    return this.#lanes[lane].arrive(numberOf(message));
  }

  /** Takes data. Returns false if the peer exceeded its window. */
  take(lane: Lane, message: Uint8Array): boolean {
    if (!this.#lanes[lane].spend(message.length - this.#bodyStart)) return false;
    const isEarly = lane === Lane.Bulk && (this.#early.length > 0 || !this.#isDue(message));
    try {
      if (isEarly) this.#early.push(new Uint8Array(message));
      else this.#deliverOrHold(lane, message);
    } catch (error) {
      this.#onThrow(error);
    }
    return true;
  }

  /** Delivers the messages that waited for the prompt lane. Called after each message of that lane. */
  // Hot path: the first line.
  takeEarly(): void {
    if (this.#early.length === 0) return;
    const first = this.#early.findIndex((message) => !this.#isDue(message));
    // All due ones leave the list in one step, because every step moves the rest, and a large window holds a million.
    const due = this.#early.splice(0, first < 0 ? this.#early.length : first);
    try {
      for (const message of due) if (!this.#host.isOver()) this.#deliverOrHold(Lane.Bulk, message);
    } catch (error) {
      this.#onThrow(error);
    }
  }

  /** Starts the delivery, with the held data first. */
  start(): void {
    this.#isReceiving = true;
    const held = this.#held;
    this.#held = [];
    try {
      for (const { lane, message } of held) if (!this.#host.isOver()) this.#deliver(lane, message);
    } catch (error) {
      this.#onThrow(error);
    }
  }

  /** Whether all messages of the bulk lane up to that number are delivered or held. */
  hasAllOf(lastBulk: number): boolean {
    return this.#lanes[Lane.Bulk].taken >= lastBulk && this.#early.length === 0;
  }

  /** Ends the delivery. */
  clear(): void {
    this.#held = [];
    this.#early = [];
  }

  /** Without memory this link ends: it would go on without the bytes of the message. */
  #onThrow(error: unknown): void {
    this.#host.onWrong(receiveShortage(error));
  }

  #deliverOrHold(lane: Lane, message: Uint8Array): void {
    if (this.#isReceiving) this.#deliver(lane, message);
    // A copy, because the bytes belong to a larger block of memory.
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
