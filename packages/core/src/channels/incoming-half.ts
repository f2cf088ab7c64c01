import type {
  InPlaceCallbackOptions,
  InPlaceMessageCallback,
  MessageCallback,
  MessageOwnership,
} from '../api/connection-types.js';
import { Fifo } from './fifo.js';
import type { Reassembly } from './reassembly.js';

/** Every way in which a message callback may get its bytes. */
export type AnyOwnership = MessageOwnership | InPlaceCallbackOptions['ownership'];

/** `AnyOwnership` as a number: the message path compares no strings. */
export const Delivery = { Copy: 0, Borrow: 1, InPlace: 2 } as const;
export type Delivery = (typeof Delivery)[keyof typeof Delivery];

/** How messages of that ownership are delivered. */
export const deliveryOf: Readonly<Record<AnyOwnership, Delivery>> = {
  copy: Delivery.Copy,
  borrow: Delivery.Borrow,
  'in-place': Delivery.InPlace,
};

/** An `InPlaceMessageCallback` where the delivery is in place, otherwise a `MessageCallback`. */
export type DeliveryCallback = MessageCallback | InPlaceMessageCallback;

/** A frame that arrived while nobody could take it: the receiver's own copy. */
export interface ParkedFrame {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/**
 * The receiving half of one channel: who takes its messages, the window that the peer has used, and what waits to be
 * taken. One class with all fields set by the constructor, so that every channel has the same hidden class.
 */
export class IncomingHalfOf<Owner> {
  readonly channel: Owner;
  /** Under which the peer sends on the channel; -1 while it has none. */
  id = -1;
  /** Whether the peer has said that it sends nothing more. */
  isEnded = false;

  // --- Who takes the messages. ---
  callback: DeliveryCallback | null = null;
  delivery: Delivery = Delivery.Copy;
  /** Whether a delivery of parked frames is scheduled. */
  isUnparking = false;

  /** Frames that wait for a consumer, in order. */
  readonly parked = new Fifo<ParkedFrame>();
  reassembly: Reassembly | undefined;

  /** Window bytes that arrived and were not given back. */
  #outstanding = 0;
  /** Those of them that were consumed. */
  #owed = 0;

  constructor(channel: Owner) {
    this.channel = channel;
  }

  /** Whether somebody takes messages. */
  get hasConsumer(): boolean {
    return this.callback !== null;
  }

  /** Whether a message that arrives now can be handed over at once. */
  get canDeliver(): boolean {
    return this.callback !== null && this.parked.length === 0;
  }

  /** Window bytes that were consumed and are to be given back. */
  get owed(): number {
    return this.#owed;
  }

  /** Window bytes that arrived and were not given back. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** Counts a frame that arrived; false where the peer has used more than its window. */
  account(cost: number, window: number): boolean {
    this.#outstanding += cost;
    return this.#outstanding <= window;
  }

  /** A frame that was counted needs its memory no longer; returns how much is owed to the peer by now. */
  consume(cost: number): number {
    // Its callback may have ended the connection: then `consumeAll` has counted the frame, and its bytes may be returned.
    this.#owed = Math.min(this.#owed + cost, this.#outstanding);
    return this.#owed;
  }

  /** Everything that arrived counts as consumed, for a side that takes nothing any more. */
  consumeAll(): void {
    this.#owed = this.#outstanding;
  }

  /** What was owed is on its way to the peer. */
  noteReturned(): void {
    this.#outstanding -= this.#owed;
    this.#owed = 0;
  }

  /** Forgets everything that belongs to a link; the consumer stays. */
  reset(): void {
    this.id = -1;
    this.isEnded = false;
    this.parked.clear();
    this.reassembly = undefined;
    this.#outstanding = 0;
    this.#owed = 0;
  }
}
