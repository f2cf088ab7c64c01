import type { UnconfirmedSends } from '../api/connection-types.js';
import { partOf } from '../platform/array-methods.js';
import { encodeUint32, FRAME_COST_BYTES, frameHeader, FrameType } from '../wire/frame.js';
import type { FrameWriter } from '../wire/frame-link.js';
import type { IncomingHalf, OutgoingHalf } from './channel.js';
import { ControlQueue } from './control-queue.js';
import { DrainReports } from './drain-reports.js';
import type { QueuedMessage, SendOutcome } from './message-line.js';
import { SendDeadlines } from './send-deadlines.js';
import { SendRound } from './send-round.js';
import type { QueueEvents } from './sender-events.js';
import { SpareMemory } from './spare-memory.js';

const NO_BYTES = new Uint8Array(0);

/**
 * The frames that could not be written at once, in the order in which they go: control frames, window updates, then one
 * frame of each channel in turn.
 */
export class SendQueue {
  /** The transport had no room and has not called `onWritable` since. */
  isFull = false;
  /** A claim is under way: the queue may write nothing. */
  isHeld = false;
  /** The number of waiting bytes, with the overhead of frames. */
  queuedBytes = 0;
  /** Whether something waits for the end of the claim, so that the queue must look for work then. */
  isHeldUp = false;
  /** The memory of messages that wait. */
  readonly memory = new SpareMemory();
  readonly control: ControlQueue;
  readonly drains: DrainReports;
  readonly #events: QueueEvents;
  readonly #round = new SendRound();
  readonly #deadlines: SendDeadlines;
  /** Halves on which messages wait. */
  readonly #busy = new Set<OutgoingHalf>();
  #writer: FrameWriter | undefined;
  /** The largest length of a message that goes as one frame. Longer ones are cut into `#fragmentBytes`. */
  #wholeBytes = 0;
  #fragmentBytes = 0;
  #isPumping = false;
  /** The waiting messages whose senders already have an ok. */
  #promised = { messages: 0, bytes: 0 };
  #onFlushed: (() => void) | undefined;
  /** True after `finish`: no sender gets a drain report any more. */
  #isFinishing = false;

  constructor(events: QueueEvents) {
    this.#events = events;
    this.drains = new DrainReports(events.onDrain, () => !this.isFull && !this.#mustHold() && !this.#isFinishing);
    this.control = new ControlQueue(
      (header, bytes) => this.#writeRaw(header, bytes),
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

  /** Ends the messages whose senders still wait. Resolves when the promised ones are written, or at `stop()`. */
  finish(outcome: SendOutcome): Promise<void> {
    this.#isFinishing = true;
    for (const half of [...this.#busy]) this.giveUp(half, outcome);
    return new Promise((resolve) => {
      this.#onFlushed = resolve;
      this.pump();
      // If there is nothing to write, the promise does not wait for a full transport.
      this.#noteFlushed();
    });
  }

  /** Writes nothing from now on. All waiting messages end with `outcome`. */
  stop(outcome: SendOutcome): void {
    const promised = { ...this.#promised };
    this.#writer = undefined;
    this.#isFinishing = true;
    for (const half of [...this.#busy]) for (const message of half.waiting()) this.#drop(half, message, outcome);
    this.#promised = promised;
    this.#round.clear();
    this.drains.clear();
    this.control.clear();
    this.#onFlushed?.();
    this.#onFlushed = undefined;
  }

  /** The waiting messages whose senders already have an ok; after `stop()`, those that were never written. */
  get promised(): UnconfirmedSends {
    return this.#promised;
  }

  /**
   * Whether a message of that half must wait behind the frames that wait for room. Otherwise small messages of one
   * channel would repeatedly take the room for which a long frame of another channel waits.
   */
  blocks(half: OutgoingHalf): boolean {
    return this.#mustHold() || (this.isFull && !half.isUrgent && !(this.#round.isEmpty && this.control.isEmpty));
  }

  /** Adds a message to its channel's queue, at the end or as the next one. The queue owns the bytes. */
  add(half: OutgoingHalf, message: QueuedMessage, isNext = false): void {
    half.push(message, isNext);
    this.#busy.add(half);
    this.queuedBytes += message.end + FRAME_COST_BYTES;
    if (message.settle === undefined) {
      this.#promised.messages += 1;
      this.#promised.bytes += message.length;
    } else this.#deadlines.add(half, message);
    this.#wake(half);
  }

  /** The sender of a waiting message aborted it. */
  cancel(half: OutgoingHalf, message: QueuedMessage): void {
    this.#drop(half, message, 'aborted');
    this.pump();
  }

  /** Ends the messages of a half whose senders still wait. */
  giveUp(half: OutgoingHalf, outcome: SendOutcome): void {
    for (const message of half.waiting()) if (message.settle !== undefined) this.#drop(half, message, outcome);
  }

  /** The peer refused the channel: all its waiting messages end, and this side writes no more on it. */
  abandon(half: OutgoingHalf): void {
    for (const message of half.waiting()) this.#drop(half, message, 'channel-closed');
    half.clearAbort();
    this.drains.forget(half);
  }

  /** Gives up a message that was started on the half, and reports that to the peer. */
  breakOff(half: OutgoingHalf): void {
    half.oweAbort();
    this.#wake(half);
    this.pump();
  }

  /** Closes the half as soon as its waiting messages were written. */
  close(half: OutgoingHalf): void {
    half.beginClose();
    this.drains.forget(half);
    this.#wake(half);
    this.pump();
  }

  /** Returns window to the peer, at once or as soon as there is room. */
  returnCredit(half: IncomingHalf): void {
    if (this.#writer === undefined) return;
    if (!this.#mustHold() && !this.isFull && this.control.length === 0 && this.control.writeCredit(half)) return;
    // The transport may have found the link broken while it wrote. The next link must not pay this window.
    if ((this.#writer as FrameWriter | undefined) !== undefined) this.control.oweCredit(half);
  }

  /** The peer returned window. Writes the frames that waited for it. The report to senders follows in a microtask. */
  onCredit(half: OutgoingHalf): void {
    this.#wake(half);
    this.drains.noteChange(half);
    if (this.#writeFrames()) this.drains.tellSoon();
  }

  /** Writes as many frames as possible, then reports to the senders that may send again. */
  pump(): void {
    if (this.#writeFrames()) this.drains.tell();
  }

  /** Returns false if no frame may be written now: a caller writes already, the transport is full, or the link ended. */
  #writeFrames(): boolean {
    if (this.#isPumping || this.#mustHold() || this.isFull || this.#writer === undefined) return false;
    this.#isPumping = true;
    try {
      if (this.control.pump()) this.#pumpMessages(this.#writer);
    } finally {
      this.#isPumping = false;
    }
    this.#noteFlushed();
    return true;
  }

  /**
   * Writes the next frame of a message: the whole, its start, or its next fragment. Returns false, and leaves the
   * message unchanged, if there is no room or no window, or if the link has ended.
   */
  sendFrame(half: OutgoingHalf, message: QueuedMessage): boolean {
    const { bytes, offset, length } = message;
    if (message.isStarted) {
      const end = Math.min(offset + this.#fragmentBytes, message.end);
      if (!this.#write(half, FrameType.Fragment, partOf(bytes, offset, end))) return false;
      message.offset = end;
    } else if (length <= this.#wholeBytes) {
      if (!this.#write(half, FrameType.Message, bytes)) return false;
      message.offset = length;
    } else {
      if (!this.#write(half, FrameType.MessageStart, encodeUint32(length))) return false;
      message.isStarted = true;
    }
    return true;
  }

  /** Whether a claim is under way. Then its end must look for what asked. */
  #mustHold(): boolean {
    this.isHeldUp ||= this.isHeld;
    return this.isHeld;
  }

  #wake(half: OutgoingHalf): void {
    if (half.isAnnounced && half.hasWork) this.#round.add(half);
  }

  #pumpMessages(writer: FrameWriter): void {
    for (let half = this.#round.current; half !== undefined; half = this.#round.current) {
      const wrote = this.#pumpHalf(half);
      // If the link ended meanwhile, the round is empty. A full transport leaves the turn unchanged.
      if (this.#writer !== writer || this.isFull) return;
      this.#round.end(half);
      // A half without window leaves the round until window comes back.
      if (wrote && half.hasWork) this.#round.add(half);
    }
  }

  /** Writes one frame of the half's oldest message, or its close. Returns false if it wrote none. */
  #pumpHalf(half: OutgoingHalf): boolean {
    if (half.owesAbort) {
      if (!this.#write(half, FrameType.MessageAbort, NO_BYTES)) return false;
      half.clearAbort();
      this.drains.noteChange(half);
    }
    const message = half.head;
    if (message === undefined) {
      if (!half.isReadyToClose || !this.#writeRaw(frameHeader(FrameType.ChannelClose, half.id), NO_BYTES)) return false;
      half.noteClosed();
      return true;
    }
    if (message.isLost) return this.#events.onLost();
    if (!this.sendFrame(half, message)) return false;
    if (message.offset === message.end && this.#take(half, message)) {
      this.#events.onSent(half, message.length);
      message.settle?.('accepted');
    }
    return true;
  }

  #write(half: OutgoingHalf, type: FrameType, bytes: Uint8Array): boolean {
    const cost = bytes.length + FRAME_COST_BYTES;
    if (half.credit < cost || !this.#writeRaw(frameHeader(type, half.id), bytes)) return false;
    half.spend(cost);
    return true;
  }

  #writeRaw(header: number, bytes: Uint8Array): boolean {
    const writer = this.#writer;
    if (writer === undefined) return false;
    // The transport may find the link broken while it writes. Then all messages have ended already.
    if (writer.tryWrite(header, bytes, 0, bytes.length)) return this.#writer === writer;
    this.isFull = true;
    return false;
  }

  /** Removes a message that was written or given up. Returns false if it has left already. */
  #take(half: OutgoingHalf, message: QueuedMessage): boolean {
    if (!half.remove(message)) return false;
    this.queuedBytes -= message.end + FRAME_COST_BYTES;
    message.release();
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
