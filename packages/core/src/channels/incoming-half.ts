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

  // --- The consumer. ---
  callback: DeliveryCallback | null = null;
  delivery: Delivery = Delivery.Copy;
  /** Whether a delivery of parked frames is scheduled. */
  isUnparking = false;

  /** Frames that wait for a consumer, in order. */
  readonly parked = new Fifo<ParkedFrame>();
  reassembly: Reassembly | undefined;

  /** Window bytes that arrived and whose window was not returned. */
  #outstanding = 0;
  /** The part of them that was consumed. */
  #owed = 0;

  constructor(channel: Owner) {
    this.channel = channel;
  }

  /** Whether a consumer takes messages. */
  get hasConsumer(): boolean {
    return this.callback !== null;
  }

  /** Whether a message that arrives now can go to the consumer at once. */
  get canDeliver(): boolean {
    return this.callback !== null && this.parked.length === 0;
  }

  /** Window bytes that were consumed and that this side must return. */
  get owed(): number {
    return this.#owed;
  }

  /** Window bytes that arrived and whose window was not returned. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** Counts a frame that arrived. Returns false if the peer has used more than its window. */
  account(cost: number, window: number): boolean {
    this.#outstanding += cost;
    return this.#outstanding <= window;
  }

  /**
   * Counts a frame as consumed, because its memory is free. Returns the window bytes that this side owes the peer now.
   */
  consume(cost: number): number {
    // The callback may have ended the connection. Then `consumeAll` has counted the frame, and its window may be
    // returned.
    this.#owed = Math.min(this.#owed + cost, this.#outstanding);
    return this.#owed;
  }

  /** Counts all frames as consumed, because this side takes no more messages. */
  consumeAll(): void {
    this.#owed = this.#outstanding;
  }

  /** The owed window is on its way to the peer. */
  noteReturned(): void {
    this.#outstanding -= this.#owed;
    this.#owed = 0;
  }

  /** Resets the state of the link. The consumer stays. */
  reset(): void {
    this.id = -1;
    this.isEnded = false;
    this.parked.clear();
    this.reassembly = undefined;
    this.#outstanding = 0;
    this.#owed = 0;
  }
}
