import type {
  InPlaceCallbackOptions,
  InPlaceMessageCallback,
  MessageCallback,
  MessageOwnership,
} from '../api/connection-types.js';
import { Fifo } from './fifo.js';
import type { Reassembly } from './reassembly.js';

/** All ways in which a message callback can get its bytes. */
export type AnyOwnership = MessageOwnership | InPlaceCallbackOptions['ownership'];

/** `AnyOwnership` as a number, because the message path compares no strings. */
export const Delivery = { Copy: 0, Borrow: 1, InPlace: 2 } as const;
export type Delivery = (typeof Delivery)[keyof typeof Delivery];

/** The delivery for each ownership. */
export const deliveryOf: Readonly<Record<AnyOwnership, Delivery>> = {
  copy: Delivery.Copy,
  borrow: Delivery.Borrow,
  'in-place': Delivery.InPlace,
};

/** An `InPlaceMessageCallback` if the delivery is in place, otherwise a `MessageCallback`. */
export type DeliveryCallback = MessageCallback | InPlaceMessageCallback;

/** A frame that arrived before a consumer could take it. The receiver owns the bytes. */
export interface ParkedFrame {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/**
 * The receiving half of one channel: its consumer, the window that the peer has used, and the frames that wait for the
 * consumer. One class whose constructor sets all fields, so that every channel has the same hidden class.
 */
export class IncomingHalfOf<Owner> {
  readonly channel: Owner;
  /** The peer's id of the channel; -1 if it has none. */
  id = -1;
  /** Whether the peer announced that it sends nothing more. */
  isEnded = false;

  /** Whether a whole message that arrives now goes to the consumer at once: there is one, and no frame waits for it. */
  isClear = false;

  // --- The consumer. Only `setConsumer` changes it. ---
  callback: DeliveryCallback | null = null;
  delivery: Delivery = Delivery.Copy;
  /** Whether a delivery of parked frames is scheduled. */
  isUnparking = false;

  /** The message that has arrived in part. Only `setReassembly` changes it. */
  reassembly: Reassembly | undefined;

  /** Frames that wait for a consumer, in order. */
  readonly #parked = new Fifo<ParkedFrame>();
  /** Window bytes of frames that arrived and were not consumed. */
  #held = 0;
  /** Window bytes that were consumed and whose window was not returned. */
  #owed = 0;

  constructor(channel: Owner) {
    this.channel = channel;
  }

  /** Whether a consumer takes messages. */
  get hasConsumer(): boolean {
    return this.callback !== null;
  }

  /** Whether a frame that arrives now can go to the consumer at once. */
  get canDeliver(): boolean {
    return this.callback !== null && this.#parked.length === 0;
  }

  /** The number of frames that wait for a consumer. */
  get parkedCount(): number {
    return this.#parked.length;
  }

  /** Window bytes that were consumed and that this side must return. */
  get owed(): number {
    return this.#owed;
  }

  /** Window bytes of frames that arrived and were not consumed. */
  get held(): number {
    return this.#held;
  }

  /** Window bytes that arrived and whose window was not returned. */
  get outstanding(): number {
    return this.#held + this.#owed;
  }

  /** Sets the consumer; `null` removes it. */
  setConsumer(callback: DeliveryCallback | null, delivery: Delivery): void {
    this.callback = callback;
    this.delivery = delivery;
    this.#look();
  }

  /** Begins a message that arrives in fragments, or ends it. */
  setReassembly(reassembly: Reassembly | undefined): void {
    this.reassembly = reassembly;
    this.#look();
  }

  /** Keeps a frame until a consumer takes it. */
  park(frame: ParkedFrame): void {
    this.#parked.push(frame);
    this.isClear = false;
  }

  /** Removes and returns the oldest waiting frame. */
  takeParked(): ParkedFrame | undefined {
    const frame = this.#parked.shift();
    this.#look();
    return frame;
  }

  /** Drops the frames that wait for a consumer. */
  dropParked(): void {
    this.#parked.clear();
    this.#look();
  }

  /** Counts a frame that arrived. Returns false if the peer has used more than its window. */
  account(cost: number, window: number): boolean {
    this.#held += cost;
    return this.#held + this.#owed <= window;
  }

  /** `account` for a message that its consumer gets now. It counts as consumed at once. Hot path: one step for both. */
  accountConsumed(cost: number, window: number): boolean {
    const owed = this.#owed + cost;
    if (this.#held + owed > window) return false;
    this.#owed = owed;
    return true;
  }

  /** Counts a frame as consumed, because its memory is free. */
  consume(cost: number): void {
    // The callback may have ended the connection. Then `consumeAll` has counted the frame, and its window may be
    // returned.
    const consumed = Math.min(cost, this.#held);
    this.#held -= consumed;
    this.#owed += consumed;
  }

  /** Counts all frames as consumed, because this side takes no more messages. */
  consumeAll(): void {
    this.#owed += this.#held;
    this.#held = 0;
  }

  /** The owed window is on its way to the peer. */
  noteReturned(): void {
    this.#owed = 0;
  }

  /** Resets the state of the link. The consumer stays. */
  reset(): void {
    this.id = -1;
    this.isEnded = false;
    this.#parked.clear();
    this.reassembly = undefined;
    this.#look();
    this.#held = 0;
    this.#owed = 0;
  }

  #look(): void {
    this.isClear = this.canDeliver && this.reassembly === undefined;
  }
}
