import { err, type Failure } from '../result/result.js';
import type { Channel, QueuedMessage, SendOutcome } from './channel.js';
import { CHANNEL_CONTROL, type UnconfirmedSends } from '../api/connection-types.js';
import { Fifo } from './fifo.js';
import { encodeUint32, FRAME_COST_BYTES, frameHeader, FrameType } from '../wire/frame.js';
import type { FrameWriter } from '../wire/frame-link.js';
import { WaitingCopies } from './waiting-copies.js';

interface ControlFrame {
  readonly header: number;
  readonly bytes: Uint8Array;
  /** The channel that this frame announces. */
  readonly announces?: Channel;
}

const encoder = new TextEncoder();
const NO_BYTES = new Uint8Array(0);

/**
 * What could not be written at once: control frames, window updates and the waiting messages of every channel. One
 * frame of each waiting channel goes in turn, `control` first, so that no bulk transfer holds up another channel.
 */
export class SendQueue {
  /** The transport said no and has not called `onWritable` since. */
  isFull = false;
  /** A claim is under way: nothing may be written. */
  isHeld = false;
  readonly copies = new WaitingCopies();

  #writer: FrameWriter | undefined;
  /** The longest message that goes as one frame; longer ones are cut into fragments of `#fragmentBytes`. */
  #wholeBytes = 0;
  #fragmentBytes = 0;
  #isPumping = false;
  #queuedBytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #control = new Fifo<ControlFrame>();
  readonly #creditDue = new Set<Channel>();
  readonly #drainDue = new Set<Channel>();
  /** Channels that have something to send, in the order of their turns. */
  #waiting: Channel[] = [];
  readonly #announcements = new Map<Channel, ((wasAnnounced: boolean) => void)[]>();
  #onFlushed: (() => void) | undefined;
  /** What was promised and not written when the link went. */
  #broken: UnconfirmedSends | undefined;
  readonly #onDrain: (channel: Channel) => void;
  readonly #onSent: (channel: Channel, length: number) => void;

  /**
   * @param onDrain runs user code, so it is called when no state is half-changed
   * @param onSent a queued message was taken whole by the transport
   */
  constructor(onDrain: (channel: Channel) => void, onSent: (channel: Channel, length: number) => void) {
    this.#onDrain = onDrain;
    this.#onSent = onSent;
  }

  start(writer: FrameWriter, wholeBytes: number, fragmentBytes: number): void {
    this.#writer = writer;
    this.#broken = undefined;
    this.#wholeBytes = wholeBytes;
    this.#fragmentBytes = fragmentBytes;
    this.isFull = false;
    this.isHeld = false;
  }

  /** Ends the messages whose senders still wait; resolves when the promised ones are written, or at `stop()`. */
  finish(outcome: SendOutcome): Promise<void> {
    this.#dropWhere((message) => message.settle !== undefined, outcome);
    this.#drainDue.clear();
    return new Promise((resolve) => {
      this.#onFlushed = resolve;
      this.pump();
      // A full ring keeps nobody here who has nothing to write.
      if (this.#waiting.every((channel) => channel.queue.length === 0)) this.#idle();
    });
  }

  /** Nothing is written from here on; everything that waits ends with `outcome`. */
  stop(outcome: SendOutcome): void {
    this.#broken ??= this.promised();
    this.#writer = undefined;
    this.#dropWhere(() => true, outcome);
    this.#waiting = [];
    this.#control.clear();
    this.#creditDue.clear();
    this.#drainDue.clear();
    for (const listeners of this.#announcements.values()) for (const listener of listeners) listener(false);
    this.#announcements.clear();
    this.#onFlushed?.();
    this.#onFlushed = undefined;
  }

  /** What waits although its sender was told that it is on its way; after `stop()`, what was never written. */
  promised(): UnconfirmedSends {
    if (this.#broken !== undefined) return this.#broken;
    const lengths = this.#waiting
      .flatMap((channel) => channel.queue.toArray())
      .filter(({ settle }) => settle === undefined)
      .map(({ length }) => length);
    return { messages: lengths.length, bytes: lengths.reduce((sum, length) => sum + length, 0) };
  }

  /** The failure of a message that would make the queue longer than its limit. */
  overflowOf(length: number, limitBytes: number): Failure | undefined {
    if (this.#queuedBytes + length + FRAME_COST_BYTES <= limitBytes) return undefined;
    return err(
      'ResourceLimitExceeded',
      `${this.#queuedBytes} bytes wait to be sent, the limit is ${limitBytes} (sendQueueBytes): await send() before the next one`,
    );
  }

  /** Puts a message at the end of its channel's queue; the queue has the bytes to itself. */
  add(channel: Channel, message: QueuedMessage): void {
    channel.queue.push(message);
    this.#queuedBytes += message.bytes.length + FRAME_COST_BYTES;
    this.#wait(channel);
    this.#armTimer();
  }

  /** The sender of a waiting message gave it up. */
  cancel(channel: Channel, message: QueuedMessage): void {
    this.#drop(channel, (entry) => entry === message, 'aborted');
    this.pump();
  }

  /** The channel can't be used: what waits on it ends. */
  abandon(channel: Channel): void {
    this.#drop(channel, () => true, 'closed');
    channel.owesAbort = false;
    this.#waiting = this.#waiting.filter((waiting) => waiting !== channel);
  }

  /** Tells the peer of a channel's id, ahead of every message. */
  announce(channel: Channel): void {
    const header = frameHeader(FrameType.ChannelOpen, channel.localId);
    this.#control.push({ header, bytes: encoder.encode(channel.name), announces: channel });
    this.pump();
  }

  /** Calls back when the announcement was written: true; or when the link ended before: false. */
  onAnnounced(channel: Channel, listener: (wasAnnounced: boolean) => void): void {
    const listeners = this.#announcements.get(channel) ?? [];
    listeners.push(listener);
    this.#announcements.set(channel, listeners);
  }

  /** Writes a frame that is no message, ahead of those that wait. */
  pushControl(header: number, bytes: Uint8Array): void {
    this.#control.push({ header, bytes });
    this.pump();
  }

  /** Gives the peer back what it may send again on the channel, at once or as soon as there is room. */
  returnCredit(channel: Channel): void {
    if (!this.isHeld && !this.isFull && this.#control.length === 0 && this.#writeCredit(channel)) return;
    this.#creditDue.add(channel);
  }

  /** A sender was refused on the channel and is to be told when it may go on. */
  noteDrain(channel: Channel): void {
    this.#drainDue.add(channel);
  }

  /** Writes what can be written, then tells the senders that may go on. */
  pump(): void {
    if (this.#isPumping || this.isHeld || this.isFull || this.#writer === undefined || this.#isEmpty) return;
    this.#isPumping = true;
    if (this.#pumpControl() && this.#pumpCredit()) this.#pumpMessages();
    this.#isPumping = false;
    if (this.#waiting.length === 0) this.#idle();
    if (this.#drainDue.size > 0) this.#tellDrains();
  }

  /**
   * Writes the next frame of a message: the whole, its start, or its next fragment. False: there is no room or no
   * window; the message is unchanged.
   */
  sendFrame(channel: Channel, message: QueuedMessage): boolean {
    const { bytes, offset, length } = message;
    if (message.isStarted) {
      const end = Math.min(offset + this.#fragmentBytes, bytes.length);
      if (!this.#write(channel, FrameType.Fragment, bytes, offset, end)) return false;
      message.offset = end;
    } else if (length <= this.#wholeBytes) {
      if (!this.#write(channel, FrameType.Message, bytes, 0, length)) return false;
      message.offset = length;
    } else {
      if (!this.#write(channel, FrameType.MessageStart, encodeUint32(length), 0, 4)) return false;
      message.isStarted = true;
    }
    return true;
  }

  /** Whether there is nothing to write and nobody to tell. */
  get #isEmpty(): boolean {
    return (
      this.#waiting.length === 0 &&
      this.#control.length === 0 &&
      this.#creditDue.size === 0 &&
      this.#drainDue.size === 0 &&
      this.#onFlushed === undefined
    );
  }

  #pumpControl(): boolean {
    for (let frame = this.#control.head; frame !== undefined; frame = this.#control.head) {
      if (!this.#writeRaw(frame.header, frame.bytes, 0, frame.bytes.length)) return false;
      this.#control.shift();
      const channel = frame.announces;
      if (channel === undefined) continue;
      channel.isAnnounced = true;
      for (const listener of this.#announcements.get(channel) ?? []) listener(true);
      this.#announcements.delete(channel);
    }
    return true;
  }

  #pumpCredit(): boolean {
    for (const channel of this.#creditDue) {
      if (!this.#writeCredit(channel)) return false;
      this.#creditDue.delete(channel);
    }
    return true;
  }

  #pumpMessages(): void {
    let wrote = true;
    while (wrote) {
      wrote = false;
      for (const channel of [...this.#waiting]) {
        if (this.#pumpChannel(channel)) wrote = true;
        if (this.isFull) return;
      }
    }
  }

  /** One frame of the channel's oldest message. */
  #pumpChannel(channel: Channel): boolean {
    if (!channel.isAnnounced) return false;
    if (channel.owesAbort) {
      if (!this.#write(channel, FrameType.MessageAbort, NO_BYTES, 0, 0)) return false;
      channel.owesAbort = false;
    }
    const message = channel.queue.head;
    if (message === undefined) {
      this.#waiting = this.#waiting.filter((waiting) => waiting !== channel);
      return false;
    }
    if (!this.sendFrame(channel, message)) return false;
    if (message.offset === message.bytes.length) {
      channel.queue.shift();
      this.#queuedBytes -= message.bytes.length + FRAME_COST_BYTES;
      if (message.isCopy) this.copies.release(message.bytes);
      this.#onSent(channel, message.length);
      message.settle?.('accepted');
    }
    return true;
  }

  #write(channel: Channel, type: FrameType, bytes: Uint8Array, start: number, end: number): boolean {
    const cost = end - start + FRAME_COST_BYTES;
    if (channel.credit < cost || !this.#writeRaw(frameHeader(type, channel.localId), bytes, start, end)) return false;
    channel.credit -= cost;
    return true;
  }

  #writeCredit(channel: Channel): boolean {
    const header = frameHeader(FrameType.WindowUpdate, channel.remoteId);
    if (!this.#writeRaw(header, encodeUint32(channel.owedCredit), 0, 4)) return false;
    channel.outstanding -= channel.owedCredit;
    channel.owedCredit = 0;
    return true;
  }

  #writeRaw(header: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#writer === undefined) return false;
    if (this.#writer.tryWrite(header, bytes, start, end)) return true;
    this.isFull = true;
    return false;
  }

  #wait(channel: Channel): void {
    if (this.#waiting.includes(channel)) return;
    if (channel.name === CHANNEL_CONTROL) this.#waiting.unshift(channel);
    else this.#waiting.push(channel);
  }

  #idle(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#control.length > 0) return;
    this.#onFlushed?.();
    this.#onFlushed = undefined;
  }

  #tellDrains(): void {
    for (const channel of [...this.#drainDue]) {
      if (this.isFull || this.isHeld || this.#writer === undefined) return;
      if (channel.queue.length > 0 || channel.credit <= FRAME_COST_BYTES || !channel.owesDrain) continue;
      this.#drainDue.delete(channel);
      channel.owesDrain = false;
      this.#onDrain(channel);
    }
  }

  /** One timer for all that wait: deadlines differ by when they were set, and they are seldom reached. */
  #armTimer(): void {
    if (this.#timer !== undefined) return;
    const deadlines = this.#waiting.flatMap((channel) => channel.queue.toArray().map((message) => message.deadline));
    const next = deadlines.reduce((a, b) => Math.min(a, b), Infinity);
    if (next === Infinity) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        const now = performance.now();
        this.#dropWhere((message) => message.deadline <= now, 'timed-out');
        this.#armTimer();
        this.pump();
      },
      Math.max(1, Math.ceil(next - performance.now())),
    );
  }

  #dropWhere(condition: (message: QueuedMessage) => boolean, outcome: SendOutcome): void {
    for (const channel of [...this.#waiting]) this.#drop(channel, condition, outcome);
    if (this.#waiting.every((channel) => channel.queue.length === 0)) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }

  #drop(channel: Channel, condition: (message: QueuedMessage) => boolean, outcome: SendOutcome): void {
    for (const message of channel.queue.remove(condition)) {
      this.#queuedBytes -= message.bytes.length + FRAME_COST_BYTES;
      if (message.isStarted) channel.owesAbort = true;
      if (message.isCopy) this.copies.release(message.bytes);
      message.settle?.(outcome);
    }
  }
}
