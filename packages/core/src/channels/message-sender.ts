import { OK, RESOLVED_OK, type Failure, type Result } from '../result/result.js';
import { coarseClock, coarseNow, NO_TICK } from './coarse-clock.js';
import type { ConnectionStats, InPlaceWriter, UnconfirmedSends } from '../api/connection-types.js';
import type { Channel, IncomingHalf, OutgoingHalf } from './channel.js';
import type { ChannelTable } from './channel-table.js';
import { ChannelLifecycle } from './channel-lifecycle.js';
import { isLength } from './claim-under-way.js';
import { Claims } from './claims.js';
import { lengthOf, partOf } from '../platform/array-methods.js';
import { FRAME_COST_BYTES } from '../wire/frame.js';
import type { FrameLink, FrameWriter } from '../wire/frame-link.js';
import { messageBytes, messagesOf, usualLength } from './message-bytes.js';
import { startLongMessage } from './long-message.js';
import type { SendOutcome } from './message-line.js';
import {
  channelNotOpen,
  channelUnusable,
  impossibleLength,
  messageTooLarge,
  notAWriter,
  notConnected,
  queueTooLong,
  sendAborted,
  WOULD_BLOCK,
} from './refusals.js';
import type { SendClaim } from '../api/send-claim.js';
import { SendQueue } from './send-queue.js';
import type { SenderEvents, SenderLimits } from './sender-events.js';
import { waitInQueue } from './waiting-send.js';

/** The smallest fragment. For shorter ones the overhead of a fragment is larger than the gain. */
const MIN_FRAGMENT_BYTES = 16 * 1024;

/** The outgoing half of a connection. It decides which message goes now, which waits, and which can't go. */
export class MessageSender {
  /** The number of `trySend` calls that returned `WouldBlock`. */
  wouldBlockSends = 0;
  lastActivityTime = 0;
  /** Opens and closes channels. */
  readonly lifecycle: ChannelLifecycle;

  private readonly channels: ChannelTable;
  private readonly limits: SenderLimits;
  private readonly events: SenderEvents;
  private readonly queue: SendQueue;
  private readonly claims: Claims;
  /** Set while the connection takes user messages. */
  private writer: FrameWriter | undefined;
  /** Negative while the connection takes none, so that no message is short enough. */
  private maxMessageSize = -1;
  /** The tick of the coarse clock in which the last message was sent. */
  private tick = NO_TICK;
  /** The length of the longest message that goes as one frame; negative like `maxMessageSize`. */
  private wholeBytes = -1;
  /** Set after there was no memory for the rest of a message, until its sender gets the error. */
  private lack: Failure | undefined;

  constructor(channels: ChannelTable, limits: SenderLimits, events: SenderEvents) {
    this.channels = channels;
    this.limits = limits;
    this.events = events;
    const onSent = (half: OutgoingHalf, length: number): void => {
      half.countSent(length);
      if (this.tick !== coarseClock.tick) this.noteActivity();
    };
    this.queue = new SendQueue({ onDrain: events.onDrain, onSent, onLost: events.onLost });
    this.claims = new Claims(this.queue, () => {
      this.noteActivity();
    });
    this.lifecycle = new ChannelLifecycle(channels, this.queue, limits, events.onOpened);
  }

  /** Starts with a new link: channels start from their first state, and the sender takes messages. */
  start(link: FrameLink): void {
    this.wouldBlockSends = 0;
    this.lastActivityTime = 0;
    this.tick = NO_TICK;
    const { channelWindow, maxMessageSize } = link.peerLimits;
    this.writer = link.writer;
    this.maxMessageSize = Math.min(this.limits.maxMessageSize, maxMessageSize);
    // Half a window, so that one frame travels while the window update for the frame before it comes back.
    const frameBytes = Math.min(link.writer.maxFrameBytes, (channelWindow >>> 1) - FRAME_COST_BYTES);
    this.wholeBytes = Math.min(frameBytes, this.maxMessageSize);
    this.channels.start(channelWindow);
    // The fragments are shorter than the limit, so that the peer reassembles one while this side writes the next.
    this.queue.start(link.writer, frameBytes, Math.min(frameBytes, Math.max(channelWindow >>> 4, MIN_FRAGMENT_BYTES)));
    this.claims.start(link.writer, this.wholeBytes);
    this.lifecycle.start(link.peerLimits);
  }

  /**
   * Takes no more messages and ends the waiting ones with `outcome`. Messages that `trySend` accepted still go until
   * `stop()`. The promise resolves when they are sent. A claim under way can't be sent.
   */
  finish(outcome: SendOutcome): Promise<void> {
    this.claims.finish();
    this.takeNoMore();
    this.lifecycle.stop(outcome);
    return this.queue.finish(outcome);
  }

  /** The link is gone: the sender writes nothing more. */
  stop(outcome: SendOutcome): void {
    this.takeNoMore();
    this.claims.stop();
    this.lifecycle.stop(outcome);
    this.queue.stop(outcome);
  }

  /** Returns the messages and payload bytes that the transport took whole since the link stood, on all channels. */
  sent(): Pick<ConnectionStats, 'messagesSent' | 'bytesSent'> {
    return this.channels.sent();
  }

  /**
   * Returns the accepted messages since the link stood that the peer may not have taken. The value is final after the
   * link is gone.
   */
  unconfirmed(): UnconfirmedSends {
    const sent = this.channels.unconfirmed();
    // A waiting message counts as sent for its sender, but not yet for its channel.
    const { messages, bytes } = this.queue.promised;
    return Object.freeze({ messages: sent.messages + messages, bytes: sent.bytes + bytes });
  }

  /** Sends now, or returns an error. Hot path: one frame, no allocation. */
  trySend(channel: Channel, given: Uint8Array): Result {
    return this.sendNow(channel.outgoing, given) ? OK : this.refused(channel, lengthOf(given));
  }

  /** Sends as many messages as there is room for, in order. Returns their number, or the error of the first one. */
  trySendBatch(channel: Channel, given: readonly Uint8Array[]): Result<number> {
    const messages = messagesOf(given);
    const writer = this.writer;
    const half = channel.outgoing;
    let taken = 0;
    writer?.beginBatch?.();
    try {
      while (taken < messages.length && this.sendNow(half, messages[taken] as Uint8Array)) taken += 1;
    } finally {
      writer?.endBatch?.();
    }
    const next = messages[taken];
    if (next !== undefined || writer === undefined) {
      const refusal = this.refused(channel, next === undefined ? 0 : lengthOf(next));
      if (taken === 0) return refusal;
    }
    return { ok: true, value: taken };
  }

  /** Sends now, or waits. The promise resolves when the transport has taken the whole message. */
  send(channel: Channel, given: Uint8Array, signal?: AbortSignal): Promise<Result> {
    const data = messageBytes(given);
    const length = lengthOf(data);
    if (signal?.aborted === true) return Promise.resolve(sendAborted(signal));
    const half = channel.outgoing;
    if (length <= this.wholeBytes && this.sendProven(half, data, length)) return RESOLVED_OK;
    const refusal = this.refusalOf(channel, length) ?? this.overflowOf(length);
    if (refusal !== undefined) return Promise.resolve(refusal);
    const isFirst = half.waitingCount === 0;
    const waiting = waitInQueue(this.queue, half, data, this.limits.sendTimeoutMs, signal);
    if (isFirst) this.events.onBackpressure(channel, length);
    return waiting;
  }

  /** Sends the message that `write` writes in place now, or returns an error. Hot path: one frame, no allocation. */
  trySendWith(channel: Channel, length: number, write: InPlaceWriter): Result {
    const half = channel.outgoing;
    const isPossible = typeof write === 'function' && isLength(length);
    const sent = isPossible && this.isFree(half, length) ? this.claims.sendWith(half, length, write) : undefined;
    return sent ?? this.refusedWith(channel, length, write);
  }

  /** Claims room for a message that the program fills in place. */
  claim(channel: Channel, length: number): Result<SendClaim> {
    if (!isLength(length)) return impossibleLength('claim()', length);
    const half = channel.outgoing;
    const claimed = this.isFree(half, length) ? this.claims.claim(half, length) : undefined;
    // The transport may have found the link broken. Then the connection has ended.
    return claimed ?? this.refused(channel, length);
  }

  /** Returns the error for a send on a name that has no channel. */
  noChannel(name: string | undefined): Failure {
    const notOpen = channelNotOpen(name);
    return this.writer === undefined ? notConnected() : notOpen;
  }

  /** Returns consumed window to the peer. */
  returnCredit(half: IncomingHalf): void {
    this.queue.returnCredit(half);
  }

  /** The peer returned `bytes` of the window (see `restore`). Returns false if that is more than this side has spent. */
  onCredit(half: OutgoingHalf, bytes: number, wasTaken: boolean): boolean {
    if (!half.restore(bytes, wasTaken)) return false;
    this.queue.onCredit(half);
    return true;
  }

  /** The transport has room again. */
  onWritable(): void {
    this.queue.isFull = false;
    this.queue.pump();
  }

  private takeNoMore(): void {
    this.writer = undefined;
    this.maxMessageSize = -1;
    this.wholeBytes = -1;
  }

  private sendNow(half: OutgoingHalf, given: Uint8Array): boolean {
    const length = usualLength(given);
    return length === 0 ? this.sendUnusual(half, given) : this.sendProven(half, given, length);
  }

  private sendUnusual(half: OutgoingHalf, given: Uint8Array): boolean {
    const data = messageBytes(given);
    return this.sendProven(half, data, lengthOf(data));
  }

  /** @param length the true length of `data`, whose property may be wrong */
  private sendProven(half: OutgoingHalf, data: Uint8Array, length: number): boolean {
    if (length > this.wholeBytes) return this.sendLarge(half, data);
    const cost = length + FRAME_COST_BYTES;
    const queue = this.queue;
    if (!half.isClear || half.credit < cost) return false;
    if ((queue.isFull || queue.isHeld) && queue.blocks(half)) return false;
    if (!(this.writer as FrameWriter).tryWrite(half.id << 8, data, 0, length)) {
      queue.isFull = true;
      return false;
    }
    half.countWhole(length, cost);
    if (this.tick !== coarseClock.tick) this.noteActivity();
    return true;
  }

  /** Notes the first message of this tick. */
  private noteActivity(): void {
    this.lastActivityTime = coarseNow();
    this.tick = coarseClock.tick;
  }

  /** Starts a message that needs fragments. */
  private sendLarge(half: OutgoingHalf, given: Uint8Array): boolean {
    const data = partOf(given, 0);
    if (data.length > this.maxMessageSize || !this.isFree(half, 0)) return false;
    const writer = this.writer;
    const outcome = startLongMessage(this.queue, half, data, () => this.writer === writer);
    if (outcome === 'sent') {
      half.countSent(data.length);
      if (this.tick !== coarseClock.tick) this.noteActivity();
    } else if (typeof outcome === 'object') this.lack = outcome;
    return outcome === 'sent' || outcome === 'waiting';
  }

  /** Whether a message of `length` bytes could start now, by the state of this side. */
  private isFree(half: OutgoingHalf, length: number): boolean {
    if (length > this.maxMessageSize) return false;
    const queue = this.queue;
    const cost = (length > this.wholeBytes ? this.wholeBytes : length) + FRAME_COST_BYTES;
    return half.isClear && half.credit >= cost && !((queue.isFull || queue.isHeld) && queue.blocks(half));
  }

  /** Returns the error of a message that can't be sent in the present state. Undefined if waiting helps. */
  private refusalOf(channel: Channel, length: number): Failure | undefined {
    const lack = this.lack;
    this.lack = undefined;
    if (this.writer === undefined) return notConnected();
    if (!channel.isOpen) return channelUnusable(channel);
    if (lack !== undefined) return lack;
    return length > this.maxMessageSize ? messageTooLarge(length, this.maxMessageSize) : undefined;
  }

  private overflowOf(length: number): Failure | undefined {
    const { queuedBytes } = this.queue;
    const limit = this.limits.sendQueueBytes;
    return queuedBytes + length + FRAME_COST_BYTES <= limit ? undefined : queueTooLong(queuedBytes, limit);
  }

  /** Returns the error of a message that can't go now: the one of the present state, or `WouldBlock`. */
  private refused(channel: Channel, length: number): Failure {
    const refusal = this.refusalOf(channel, length);
    if (refusal !== undefined) return refusal;
    const half = channel.outgoing;
    const isFirst = !half.owesDrain;
    this.queue.drains.owe(half);
    this.wouldBlockSends += 1;
    if (isFirst) this.events.onBackpressure(channel, length);
    return WOULD_BLOCK;
  }

  /** The same for `trySendWith`. Throws a `TypeError` if `write` is no function. */
  private refusedWith(channel: Channel, length: number, write: unknown): Failure {
    if (typeof write !== 'function') throw notAWriter(write);
    return isLength(length) ? this.refused(channel, length) : impossibleLength('trySendWith()', length);
  }
}
