import { CHANNEL_CONTROL } from '../api/connection-types.js';
import { FRAME_COST_BYTES } from '../wire/frame.js';
import { MessageLine, type QueuedMessage } from './message-line.js';
import { SendConfirmation } from './send-confirmation.js';

/**
 * Where the sending half of a channel is in its life: `none`, it has no id; `open`; `closing`, what waits goes first;
 * `closed`, the close was sent and the peer has not acknowledged it; `over`, the id is free again.
 */
export type OutgoingPhase = 'none' | 'open' | 'closing' | 'closed' | 'over';

/**
 * The sending half of one channel: its id, its window, what waits on it, and how much of it was sent. One class with all
 * fields set by the constructor, so that every channel has the same hidden class on the message path.
 */
export class OutgoingHalfOf<Owner extends { readonly name: string | undefined }> {
  readonly channel: Owner;
  /** Whether its frames go before those of other channels. */
  readonly isUrgent: boolean;
  /** Under which this side announces and uses the channel; -1 while it has none. */
  id = -1;
  /** Whether a message may go at once, as far as this half knows: announced, open, and nothing waits. */
  isClear = false;
  /** Whether a `trySend` was refused since the last `drain`. */
  owesDrain = false;
  /** Whether it is in the queue's round of channels that have something to write. */
  isInRound = false;
  /** Messages and their bytes that the transport has taken whole. */
  messagesSent = 0;
  bytesSent = 0;
  readonly confirmation = new SendConfirmation();

  #window = 0;
  #credit = 0;
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

  /** Window bytes that may still be sent. */
  get credit(): number {
    return this.#credit;
  }

  /** Whether the id was announced to the peer. */
  get isAnnounced(): boolean {
    return this.#isAnnounced;
  }

  /** Whether the peer has to learn that a started message was given up. */
  get owesAbort(): boolean {
    return this.#owesAbort;
  }

  /** How many messages wait. */
  get waitingCount(): number {
    return this.#line.length;
  }

  /** The oldest message that waits. */
  get head(): QueuedMessage | undefined {
    return this.#line.head;
  }

  /** Every message that waits, oldest first. */
  waiting(): QueuedMessage[] {
    return this.#line.toArray();
  }

  /** Whether a frame of it waits to be written. */
  get hasWork(): boolean {
    return this.#line.length > 0 || this.#owesAbort || this.#phase === 'closing';
  }

  /** Whether everything that goes before the close was written. */
  get isReadyToClose(): boolean {
    return this.#phase === 'closing' && this.#line.length === 0 && !this.#owesAbort;
  }

  /** Takes an id; the peer gives a window of that many bytes. */
  open(id: number, window: number): void {
    this.id = id;
    this.#window = window;
    this.#credit = window;
    this.#phase = 'open';
  }

  /** The id was announced to the peer: messages may follow. */
  noteAnnounced(): void {
    this.#isAnnounced = true;
    this.#look();
  }

  /** No new message is taken; those that wait go first. */
  beginClose(): void {
    this.#phase = 'closing';
    this.#look();
  }

  /** The peer knows that nothing follows. */
  noteClosed(): void {
    this.#phase = 'closed';
  }

  /** The peer acknowledged the close, or the id was never used. */
  end(): void {
    this.#phase = 'over';
    this.#look();
  }

  /** A frame that costs window was written. */
  spend(cost: number): void {
    this.#credit -= cost;
  }

  /** The peer gave back `bytes` of its window; false, with nothing changed, where that is more than was spent. */
  restore(bytes: number): boolean {
    if (this.#credit + bytes > this.#window) return false;
    this.#credit += bytes;
    this.confirmation.noteCredit(bytes, this.#window - this.#credit, this.messagesSent, this.bytesSent);
    return true;
  }

  /** The transport took a whole message. */
  countSent(length: number): void {
    this.messagesSent += 1;
    this.bytesSent += length;
  }

  /** Puts a message at the end of those that wait. */
  push(message: QueuedMessage): void {
    this.#line.push(message);
    this.isClear = false;
  }

  /** Takes a message out that was written, or given up; false where it has left already. */
  remove(message: QueuedMessage): boolean {
    if (!this.#line.remove(message)) return false;
    this.#look();
    return true;
  }

  /** A started message was given up, and the peer has to learn it. */
  oweAbort(): void {
    this.#owesAbort = true;
    this.isClear = false;
  }

  /** The peer knows, or need not know any more. */
  clearAbort(): void {
    this.#owesAbort = false;
    this.#look();
  }

  /** Whether a sender that was refused could go on, were there room in the transport. */
  get isDrained(): boolean {
    return this.isClear && this.#credit > FRAME_COST_BYTES;
  }

  #look(): void {
    this.isClear = this.#isAnnounced && this.#phase === 'open' && this.#line.length === 0 && !this.#owesAbort;
  }
}
