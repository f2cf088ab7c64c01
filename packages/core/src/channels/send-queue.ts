import type { UnconfirmedSends } from '../api/connection-types.js';
import { encodeUint32, FRAME_COST_BYTES, frameHeader, FrameType } from '../wire/frame.js';
import type { FrameWriter } from '../wire/frame-link.js';
import type { IncomingHalf, OutgoingHalf } from './channel.js';
import { ControlQueue } from './control-queue.js';
import { DrainReports } from './drain-reports.js';
import type { QueuedMessage, SendOutcome } from './message-line.js';
import { SendDeadlines } from './send-deadlines.js';
import { SendRound } from './send-round.js';
import type { QueueEvents } from './sender-events.js';
import { WaitingCopies } from './waiting-copies.js';

const NO_BYTES = new Uint8Array(0);

/**
 * What could not be written at once, in the order in which it goes: control frames, window updates, then one frame of
 * each channel in turn.
 */
export class SendQueue {
  /** The transport said no and has not called `onWritable` since. */
  isFull = false;
  /** A claim is under way: nothing may be written. */
  isHeld = false;
  readonly copies = new WaitingCopies();
  readonly control: ControlQueue;
  readonly drains = new DrainReports();

  readonly #events: QueueEvents;
  readonly #round = new SendRound();
  readonly #deadlines: SendDeadlines;
  /** Halves on which messages wait. */
  readonly #busy = new Set<OutgoingHalf>();
  readonly #mayReport = (): boolean => !this.isFull && !this.isHeld && !this.#isFinishing;
  #writer: FrameWriter | undefined;
  /** The longest message that goes as one frame; longer ones are cut into fragments of `#fragmentBytes`. */
  #wholeBytes = 0;
  #fragmentBytes = 0;
  #isPumping = false;
  #queuedBytes = 0;
  /** Messages that wait although their sender has an ok already. */
  #promised = { messages: 0, bytes: 0 };
  #onFlushed: (() => void) | undefined;
  /** No sender gets the report that it may go on any more. */
  #isFinishing = false;

  constructor(events: QueueEvents) {
    this.#events = events;
    this.control = new ControlQueue(
      (header, bytes, start, end) => this.#writeRaw(header, bytes, start, end),
      (half) => {
        this.#wake(half);
        this.drains.noteChange(half);
      },
    );
    this.#deadlines = new SendDeadlines((messages) => {
      for (const [message, half] of messages) this.#drop(half, message, 'timed-out');
      this.pump();
    });
  }

  start(writer: FrameWriter, wholeBytes: number, fragmentBytes: number): void {
    this.#writer = writer;
    this.#promised = { messages: 0, bytes: 0 };
    this.#wholeBytes = wholeBytes;
    this.#fragmentBytes = fragmentBytes;
    this.isFull = false;
    this.isHeld = false;
    this.#isFinishing = false;
  }

  /** Ends the messages whose senders still wait; resolves when the promised ones are written, or at `stop()`. */
  finish(outcome: SendOutcome): Promise<void> {
    this.#isFinishing = true;
    for (const half of [...this.#busy]) this.giveUp(half, outcome);
    return new Promise((resolve) => {
      this.#onFlushed = resolve;
      this.pump();
      // With nothing to write, do not wait for a full transport.
      this.#noteFlushed();
    });
  }

  /** Nothing is written from here on; everything that waits ends with `outcome`. */
  stop(outcome: SendOutcome): void {
    const promised = { ...this.#promised };
    this.#writer = undefined;
    this.#isFinishing = true;
    for (const half of [...this.#busy]) {
      for (const message of half.waiting()) this.#drop(half, message, outcome);
    }
    this.#promised = promised;
    this.#round.clear();
    this.drains.clear();
    this.control.clear();
    this.#onFlushed?.();
    this.#onFlushed = undefined;
  }

  /** Messages that wait although their sender has an ok already; after `stop()`, what was never written. */
  get promised(): UnconfirmedSends {
    return this.#promised;
  }

  /** Bytes that wait, frames' book-keeping included. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /**
   * Whether a message of that half must not be written past what waits for room: small messages of one channel would
   * otherwise take the room that a long frame of another one waits for, again and again.
   */
  blocks(half: OutgoingHalf): boolean {
    return this.isHeld || (this.isFull && !half.isUrgent && !(this.#round.isEmpty && this.control.isEmpty));
  }

  /** Puts a message at the end of its channel's queue; the queue has the bytes to itself. */
  add(half: OutgoingHalf, message: QueuedMessage): void {
    half.push(message);
    this.#busy.add(half);
    this.#queuedBytes += message.bytes.length + FRAME_COST_BYTES;
    if (message.settle === undefined) {
      this.#promised.messages += 1;
      this.#promised.bytes += message.length;
    } else this.#deadlines.add(half, message);
    this.#wake(half);
  }

  /** The sender of a waiting message gave it up. */
  cancel(half: OutgoingHalf, message: QueuedMessage): void {
    this.#drop(half, message, 'aborted');
    this.pump();
  }

  /** Ends the messages of a half whose senders still wait. */
  giveUp(half: OutgoingHalf, outcome: SendOutcome): void {
    for (const message of half.waiting()) if (message.settle !== undefined) this.#drop(half, message, outcome);
  }

  /** The peer refused the channel: everything that waits on it ends, and nothing more is said on it. */
  abandon(half: OutgoingHalf): void {
    for (const message of half.waiting()) this.#drop(half, message, 'channel-closed');
    half.clearAbort();
    this.drains.forget(half);
  }

  /** A message that was started on the half can't be finished: the peer learns that. */
  breakOff(half: OutgoingHalf): void {
    half.oweAbort();
    this.#wake(half);
    this.pump();
  }

  /** The half is to be closed as soon as what waits on it was written. */
  close(half: OutgoingHalf): void {
    half.beginClose();
    this.drains.forget(half);
    this.#wake(half);
    this.pump();
  }

  /** Gives the peer back what it may send again, at once or as soon as there is room. */
  returnCredit(half: IncomingHalf): void {
    if (this.#writer === undefined) return;
    if (!this.isHeld && !this.isFull && this.control.length === 0 && this.control.writeCredit(half)) return;
    this.control.oweCredit(half);
  }

  /** The peer gave window back. */
  onCredit(half: OutgoingHalf): void {
    this.#wake(half);
    this.drains.noteChange(half);
    this.pump();
  }

  /** Whether nothing waits to be written or told. */
  get isIdle(): boolean {
    return this.#round.isEmpty && this.control.isEmpty && this.drains.isEmpty && this.#onFlushed === undefined;
  }

  /** Writes what can be written, then tells the senders that may go on. */
  pump(): void {
    if (this.#isPumping || this.isHeld || this.isFull || this.#writer === undefined) return;
    this.#isPumping = true;
    try {
      if (this.control.pump()) this.#pumpMessages(this.#writer);
    } finally {
      this.#isPumping = false;
    }
    this.#noteFlushed();
    if (!this.drains.isEmpty) this.drains.tell(this.#events.onDrain, this.#mayReport);
  }

  /**
   * Writes the next frame of a message: the whole, its start, or its next fragment. False: there is no room or no
   * window, or the link has ended; the message is unchanged.
   */
  sendFrame(half: OutgoingHalf, message: QueuedMessage): boolean {
    const { bytes, offset, length } = message;
    if (message.isStarted) {
      const end = Math.min(offset + this.#fragmentBytes, bytes.length);
      if (!this.#write(half, FrameType.Fragment, bytes, offset, end)) return false;
      message.offset = end;
    } else if (length <= this.#wholeBytes) {
      if (!this.#write(half, FrameType.Message, bytes, 0, length)) return false;
      message.offset = length;
    } else {
      if (!this.#write(half, FrameType.MessageStart, encodeUint32(length), 0, 4)) return false;
      message.isStarted = true;
    }
    return true;
  }

  #wake(half: OutgoingHalf): void {
    if (half.isAnnounced && half.hasWork) this.#round.add(half);
  }

  #pumpMessages(writer: FrameWriter): void {
    for (let half = this.#round.current; half !== undefined; half = this.#round.current) {
      const wrote = this.#pumpHalf(half);
      // A link that ended meanwhile has emptied the round. A full transport leaves the turn where it is.
      if (this.#writer !== writer || this.isFull) return;
      this.#round.end(half);
      // Without window it is out of the round until some comes back.
      if (wrote && half.hasWork) this.#round.add(half);
    }
  }

  /** One frame of the half's oldest message, or its close; false where nothing was written. */
  #pumpHalf(half: OutgoingHalf): boolean {
    if (half.owesAbort) {
      if (!this.#write(half, FrameType.MessageAbort, NO_BYTES, 0, 0)) return false;
      half.clearAbort();
      this.drains.noteChange(half);
    }
    const message = half.head;
    if (message === undefined) {
      if (!half.isReadyToClose || !this.#writeRaw(frameHeader(FrameType.ChannelClose, half.id), NO_BYTES, 0, 0)) {
        return false;
      }
      half.noteClosed();
      return true;
    }
    if (!this.sendFrame(half, message)) return false;
    if (message.offset === message.bytes.length && this.#take(half, message)) {
      this.#events.onSent(half, message.length);
      message.settle?.('accepted');
    }
    return true;
  }

  #write(half: OutgoingHalf, type: FrameType, bytes: Uint8Array, start: number, end: number): boolean {
    const cost = end - start + FRAME_COST_BYTES;
    if (half.credit < cost || !this.#writeRaw(frameHeader(type, half.id), bytes, start, end)) return false;
    half.spend(cost);
    return true;
  }

  #writeRaw(header: number, bytes: Uint8Array, start: number, end: number): boolean {
    const writer = this.#writer;
    if (writer === undefined) return false;
    // A transport may find the link broken while it writes: then everything has ended already.
    if (writer.tryWrite(header, bytes, start, end)) return this.#writer === writer;
    this.isFull = true;
    return false;
  }

  /** Takes a message out that was written, or given up; false where it has left already. */
  #take(half: OutgoingHalf, message: QueuedMessage): boolean {
    if (!half.remove(message)) return false;
    this.#queuedBytes -= message.bytes.length + FRAME_COST_BYTES;
    if (message.isCopy) this.copies.release(message.bytes);
    if (message.settle === undefined) {
      this.#promised.messages -= 1;
      this.#promised.bytes -= message.length;
    } else this.#deadlines.delete(message);
    if (half.waitingCount === 0) {
      this.#busy.delete(half);
      this.drains.noteChange(half);
    }
    return true;
  }

  #drop(half: OutgoingHalf, message: QueuedMessage, outcome: SendOutcome): void {
    if (!this.#take(half, message)) return;
    if (message.isStarted) half.oweAbort();
    this.#wake(half);
    message.settle?.(outcome);
  }

  #noteFlushed(): void {
    if (this.#onFlushed === undefined || this.#busy.size > 0 || this.control.length > 0) return;
    this.#onFlushed();
    this.#onFlushed = undefined;
  }
}
