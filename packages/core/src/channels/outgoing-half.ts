import { CHANNEL_CONTROL } from '../api/connection-types.js';
import { FRAME_COST_BYTES } from '../wire/frame.js';
import { MessageLine, type QueuedMessage } from './message-line.js';
import { SendConfirmation } from './send-confirmation.js';

/**
 * The phase of a channel's sending half. `none`: it has no id. `open`: it takes messages. `closing`: the waiting
 * messages go before the close. `closed`: the close was sent, and the peer has not acknowledged it. `over`: the id is
 * free again.
 */
export type OutgoingPhase = 'none' | 'open' | 'closing' | 'closed' | 'over';

/**
 * The sending half of one channel: its id, its window, its waiting messages, and its counters. One class whose
 * constructor sets all fields, so that every channel has the same hidden class on the message path.
 */
export class OutgoingHalfOf<Owner extends { readonly name: string | undefined }> {
  readonly channel: Owner;
  /** Whether its frames go before those of other channels. */
  readonly isUrgent: boolean;
  /** The id with which this side announces and uses the channel; -1 if it has none. */
  id = -1;
  /** Whether a message may go at once, by the state of this half: announced, open, and no message waits. */
  isClear = false;
  /** Whether a `trySend` was refused since the last `drain`. */
  owesDrain = false;
  /** Whether it is in the queue's round of channels that have frames to write. */
  isInRound = false;
  /** Window bytes that may still be sent. Only this class changes it. A field, because a getter is more code for V8. */
  credit = 0;
  /** The messages, and their bytes, that the transport has taken whole. */
  messagesSent = 0;
  bytesSent = 0;
  readonly confirmation = new SendConfirmation();

  #window = 0;
  #phase: OutgoingPhase = 'none';
  #isAnnounced = false;
  #owesAbort = false;
  readonly #line = new MessageLine();

  constructor(channel: Owner) {
    this.channel = channel;
    this.isUrgent = channel.name === CHANNEL_CONTROL;
  }

  get phase(): OutgoingPhase {
    return this.#phase;
  }

  /** Whether the id was announced to the peer. */
  get isAnnounced(): boolean {
    return this.#isAnnounced;
  }

  /** Whether this side must still report a started message as given up. */
  get owesAbort(): boolean {
    return this.#owesAbort;
  }

  /** The number of waiting messages. */
  get waitingCount(): number {
    return this.#line.length;
  }

  /** The oldest waiting message. */
  get head(): QueuedMessage | undefined {
    return this.#line.head;
  }

  /** All waiting messages, oldest first. */
  waiting(): QueuedMessage[] {
    return this.#line.toArray();
  }

  /** Whether one of its frames waits to be written. */
  get hasWork(): boolean {
    return this.#line.length > 0 || this.#owesAbort || this.#phase === 'closing';
  }

  /** Whether everything that must go before the close was written. */
  get isReadyToClose(): boolean {
    return this.#phase === 'closing' && this.#line.length === 0 && !this.#owesAbort;
  }

  /** Takes an id and the window that the peer gives, in bytes. */
  open(id: number, window: number): void {
    this.id = id;
    this.#window = window;
    this.credit = window;
    this.#phase = 'open';
  }

  /** The id was announced to the peer, so messages may follow. */
  noteAnnounced(): void {
    this.#isAnnounced = true;
    this.#look();
  }

  /** Takes no new message. The waiting ones go before the close. */
  beginClose(): void {
    this.#phase = 'closing';
    this.#look();
  }

  /** The peer knows that no message follows. */
  noteClosed(): void {
    this.#phase = 'closed';
  }

  /** The peer acknowledged the close, or this side never used the id. */
  end(): void {
    this.#phase = 'over';
    this.#look();
  }

  /** Spends window for a frame that was written. */
  spend(cost: number): void {
    this.credit -= cost;
  }

  /**
   * The peer returned `bytes` of its window. Returns false, and changes nothing, if that is more than was spent.
   * @param wasTaken whether the peer has taken the messages of that window, and did not drop them
   */
  restore(bytes: number, wasTaken: boolean): boolean {
    if (this.credit + bytes > this.#window) return false;
    this.credit += bytes;
    if (wasTaken) this.confirmation.noteCredit(bytes, this.#window - this.credit, this.messagesSent, this.bytesSent);
    return true;
  }

  /** The transport took a whole message as one frame, which spends window. */
  countWhole(length: number, cost: number): void {
    this.credit -= cost;
    this.messagesSent += 1;
    this.bytesSent += length;
  }

  /** The transport took a whole message. */
  countSent(length: number): void {
    this.messagesSent += 1;
    this.bytesSent += length;
  }

  /** Adds a message behind the waiting ones; if `isNext`, before them. Then none of them may have started. */
  push(message: QueuedMessage, isNext = false): void {
    if (isNext) this.#line.pushFirst(message);
    else this.#line.push(message);
    this.isClear = false;
  }

  /** Removes a message that was written or given up. Returns false if it has left already. */
  remove(message: QueuedMessage): boolean {
    if (!this.#line.remove(message)) return false;
    this.#look();
    return true;
  }

  /** Notes that a started message was given up, and that the peer must learn it. */
  oweAbort(): void {
    this.#owesAbort = true;
    this.isClear = false;
  }

  /** The peer has learned it, or need not learn it any more. */
  clearAbort(): void {
    this.#owesAbort = false;
    this.#look();
  }

  /** Whether a sender that got a refusal could go on if the transport has room. */
  get isDrained(): boolean {
    return this.isClear && this.credit > FRAME_COST_BYTES;
  }

  #look(): void {
    this.isClear = this.#isAnnounced && this.#phase === 'open' && this.#line.length === 0 && !this.#owesAbort;
  }
}
