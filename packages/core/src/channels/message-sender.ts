import { kindOf } from '../result/kind-of.js';
import { OK, RESOLVED_OK, type Failure, type Result } from '../result/result.js';
import { coarseClock, coarseNow, NO_TICK } from './coarse-clock.js';
import type { ConnectionStats, InPlaceWriter, UnconfirmedSends } from '../api/connection-types.js';
import type { Channel, IncomingHalf, OutgoingHalf } from './channel.js';
import type { ChannelTable } from './channel-table.js';
import { ChannelLifecycle } from './channel-lifecycle.js';
import { Claims } from './claims.js';
import { FRAME_COST_BYTES } from '../wire/frame.js';
import type { FrameLink, FrameWriter } from '../wire/frame-link.js';
import { lengthOf, messageBytes, messagesOf, plainView } from './message-bytes.js';
import { QueuedMessage, type SendOutcome } from './message-line.js';
import {
  channelNotOpen,
  channelUnusable,
  impossibleLength,
  messageTooLarge,
  notConnected,
  queueTooLong,
  sendAborted,
  WOULD_BLOCK,
} from './refusals.js';
import type { SendClaim } from '../api/send-claim.js';
import { SendQueue } from './send-queue.js';
import type { SenderEvents, SenderLimits } from './sender-events.js';
import { waitInQueue } from './waiting-send.js';

/** Below this a fragment costs more by being one than it gains. */
const MIN_FRAGMENT_BYTES = 16 * 1024;

/** The outgoing half of a connection: which message goes now, which waits, and which can't go. */
export class MessageSender {
  /** How often a `trySend` was refused with `WouldBlock`. */
  wouldBlockSends = 0;
  lastActivityTime = 0;
  /** How channels are opened and closed. */
  readonly lifecycle: ChannelLifecycle;

  readonly #channels: ChannelTable;
  readonly #limits: SenderLimits;
  readonly #events: SenderEvents;
  readonly #queue: SendQueue;
  readonly #claims: Claims;
  /** Set while user messages are taken. */
  #writer: FrameWriter | undefined;
  #maxMessageSize = 0;
  /** The tick of the coarse clock in which the last message went. */
  #tick = NO_TICK;
  /** The longest message that goes as one frame. */
  #wholeBytes = 0;

  constructor(channels: ChannelTable, limits: SenderLimits, events: SenderEvents) {
    const onSent = (half: OutgoingHalf, length: number): void => {
      half.countSent(length);
      if (this.#tick !== coarseClock.tick) this.#noteActivity();
    };
    this.#channels = channels;
    this.#limits = limits;
    this.#events = events;
    this.#queue = new SendQueue({ onDrain: events.onDrain, onSent });
    this.#claims = new Claims(this.#queue, onSent);
    this.lifecycle = new ChannelLifecycle(channels, this.#queue, limits);
  }

  /** A link stands: the channels start anew and messages are taken. */
  start(link: FrameLink): void {
    this.wouldBlockSends = 0;
    this.lastActivityTime = 0;
    this.#tick = NO_TICK;
    const { channelWindow, maxMessageSize } = link.peerLimits;
    this.#writer = link.writer;
    this.#maxMessageSize = Math.min(this.#limits.maxMessageSize, maxMessageSize);
    // Half a window lets one frame travel while the credit for the one before it comes back.
    const frameBytes = Math.min(link.writer.maxFrameBytes, (channelWindow >>> 1) - FRAME_COST_BYTES);
    this.#wholeBytes = Math.min(frameBytes, this.#maxMessageSize);
    this.#channels.start(channelWindow);
    // Shorter fragments than could go: the peer puts one together while the next is written.
    this.#queue.start(link.writer, frameBytes, Math.min(frameBytes, Math.max(channelWindow >>> 4, MIN_FRAGMENT_BYTES)));
    this.#claims.start(link.writer, this.#wholeBytes);
    this.lifecycle.start(link.peerLimits);
  }

  /**
   * No more messages are taken and those that wait end with `outcome`. What `trySend` promised to deliver goes on
   * being sent until `stop()`; the promise resolves when that is done. A claim under way is given up.
   */
  finish(outcome: SendOutcome): Promise<void> {
    this.#claims.finish();
    this.#writer = undefined;
    this.lifecycle.stop(outcome);
    return this.#queue.finish(outcome);
  }

  /** The link is gone: nothing is written any more. */
  stop(outcome: SendOutcome): void {
    this.#writer = undefined;
    this.#claims.stop();
    this.lifecycle.stop(outcome);
    this.#queue.stop(outcome);
  }

  /** Messages and payload bytes that the transport took whole since the link stood, on all channels. */
  sent(): Pick<ConnectionStats, 'messagesSent' | 'bytesSent'> {
    return this.#channels.sent();
  }

  /** What the peer may not have taken of all that was accepted since the link stood; stays as it was when the link went. */
  unconfirmed(): UnconfirmedSends {
    const sent = this.#channels.unconfirmed();
    // What waits counts as sent for its sender, but not yet for its channel.
    const { messages, bytes } = this.#queue.promised;
    return Object.freeze({ messages: sent.messages + messages, bytes: sent.bytes + bytes });
  }

  /** Sends now or not at all. Hot path: one frame, no allocation. */
  trySend(channel: Channel, given: Uint8Array): Result {
    const data = messageBytes(given);
    if (this.#send(channel.outgoing, data)) return OK;
    return this.#refusalOf(channel, data.length) ?? this.#refuse(channel, data.length);
  }

  /** Sends as many as there is room for, from the first on; their number, or why not even the first could go. */
  trySendBatch(channel: Channel, given: readonly Uint8Array[]): Result<number> {
    const messages = messagesOf(given);
    const writer = this.#writer;
    const half = channel.outgoing;
    let taken = 0;
    writer?.beginBatch?.();
    try {
      while (taken < messages.length && this.#send(half, messages[taken] as Uint8Array)) taken += 1;
    } finally {
      writer?.endBatch?.();
    }
    const next = messages[taken];
    if (next !== undefined || writer === undefined) {
      const length = next?.length ?? 0;
      const refusal = this.#refusalOf(channel, length) ?? this.#refuse(channel, length);
      if (taken === 0) return refusal;
    }
    return { ok: true, value: taken };
  }

  /** Sends now or waits for its turn; the promise resolves when the transport has taken the whole message. */
  send(channel: Channel, given: Uint8Array, signal?: AbortSignal): Promise<Result> {
    const data = messageBytes(given);
    if (signal?.aborted === true) return Promise.resolve(sendAborted(signal));
    const half = channel.outgoing;
    if (data.length <= this.#wholeBytes && this.#send(half, data)) return RESOLVED_OK;
    const refusal = this.#refusalOf(channel, data.length) ?? this.#overflowOf(data.length);
    if (refusal !== undefined) return Promise.resolve(refusal);
    if (half.waitingCount === 0) this.#events.onBackpressure(channel, data.length);
    return waitInQueue(this.#queue, half, data, this.#limits.sendTimeoutMs, signal);
  }

  /** Sends now or not at all what `write` writes in place. Hot path: one frame, no allocation. */
  trySendWith(channel: Channel, length: number, write: InPlaceWriter): Result {
    if (typeof write !== 'function') throw new TypeError(`trySendWith takes a function; ${kindOf(write)} was given`);
    if (!isLength(length)) return impossibleLength('trySendWith', length);
    if (this.#isSendable(channel, length)) {
      const sent = this.#claims.sendWith(channel.outgoing, length, write);
      if (sent !== undefined) return sent;
    }
    return this.#refusalOf(channel, length) ?? this.#refuse(channel, length);
  }

  /** Room for a message, to be filled in place. */
  claim(channel: Channel, length: number): Result<SendClaim> {
    if (!isLength(length)) return impossibleLength('claim', length);
    if (!this.#isSendable(channel, length)) {
      return this.#refusalOf(channel, length) ?? this.#refuse(channel, length);
    }
    const claim = this.#claims.claim(channel.outgoing, length);
    return claim === undefined ? this.#refuse(channel, length) : { ok: true, value: claim };
  }

  /** Why nothing can be sent on a channel of that name, of which there is none. */
  noChannel(name: string | undefined): Failure {
    const notOpen = channelNotOpen(name);
    return this.#writer === undefined ? notConnected() : notOpen;
  }

  /** Gives the peer back what was consumed of its window. */
  returnCredit(half: IncomingHalf): void {
    this.#queue.returnCredit(half);
  }

  /** The peer gave back `bytes` of the window; false where that is more than was spent of it. */
  onCredit(half: OutgoingHalf, bytes: number): boolean {
    if (!half.restore(bytes)) return false;
    this.#queue.onCredit(half);
    return true;
  }

  /** The transport has room again. */
  onWritable(): void {
    this.#queue.isFull = false;
    this.#queue.pump();
  }

  #send(half: OutgoingHalf, data: Uint8Array): boolean {
    const length = lengthOf(data);
    const writer = this.#writer;
    if (writer === undefined) return false;
    if (length > this.#wholeBytes) return this.#sendLarge(half, data);
    const cost = length + FRAME_COST_BYTES;
    const queue = this.#queue;
    if (!half.isClear || half.credit < cost) return false;
    if ((queue.isFull || queue.isHeld) && queue.blocks(half)) return false;
    if (!writer.tryWrite(half.id << 8, data, 0, length)) {
      queue.isFull = true;
      return false;
    }
    half.spend(cost);
    half.countSent(length);
    if (this.#tick !== coarseClock.tick) this.#noteActivity();
    return true;
  }

  /** The first message of this tick. */
  #noteActivity(): void {
    this.lastActivityTime = coarseNow();
    this.#tick = coarseClock.tick;
  }

  /** Starts a message that needs fragments; what can't go at once is copied and follows. */
  #sendLarge(half: OutgoingHalf, given: Uint8Array): boolean {
    if (given.length > this.#maxMessageSize || !this.#isFree(half, 0)) return false;
    const data = plainView(given, 0);
    const writer = this.#writer;
    const message = QueuedMessage.promised(data);
    if (!this.#queue.sendFrame(half, message)) return false;
    while (message.offset < data.length && this.#queue.sendFrame(half, message)) {
      // Each turn sends one fragment.
    }
    // A link that was found broken has ended everything: the rest must not wait for the next one.
    if (this.#writer !== writer) return false;
    if (message.offset === data.length) {
      half.countSent(data.length);
      if (this.#tick !== coarseClock.tick) this.#noteActivity();
    } else {
      message.bytes = this.#copyOfRest(half, data, message.offset);
      message.isCopy = true;
      message.offset = 0;
      this.#queue.add(half, message);
    }
    return true;
  }

  /** What is left of a message that was started. Throws where there is no memory for it. */
  #copyOfRest(half: OutgoingHalf, data: Uint8Array, start: number): Uint8Array {
    try {
      return this.#queue.copies.copy(data, start);
    } catch (error) {
      this.#queue.breakOff(half);
      throw error;
    }
  }

  #isSendable({ outgoing }: Channel, length: number): boolean {
    return this.#writer !== undefined && length <= this.#maxMessageSize && this.#isFree(outgoing, length);
  }

  /** Whether a message of `length` bytes could start now, as far as this side knows. */
  #isFree(half: OutgoingHalf, length: number): boolean {
    const cost = Math.min(length, this.#wholeBytes) + FRAME_COST_BYTES;
    return half.isClear && half.credit >= cost && !this.#queue.blocks(half);
  }

  /** Why this message can never be sent as things are; undefined where waiting helps. */
  #refusalOf(channel: Channel, length: number): Failure | undefined {
    if (this.#writer === undefined) return notConnected();
    if (!channel.isOpen) return channelUnusable(channel);
    return length > this.#maxMessageSize ? messageTooLarge(length, this.#maxMessageSize) : undefined;
  }

  #overflowOf(length: number): Failure | undefined {
    const { queuedBytes } = this.#queue;
    const limit = this.#limits.sendQueueBytes;
    return queuedBytes + length + FRAME_COST_BYTES <= limit ? undefined : queueTooLong(queuedBytes, limit);
  }

  #refuse(channel: Channel, length: number): Failure {
    const half = channel.outgoing;
    if (!half.owesDrain) this.#events.onBackpressure(channel, length);
    this.#queue.drains.owe(half);
    this.wouldBlockSends += 1;
    return WOULD_BLOCK;
  }
}

function isLength(length: number): boolean {
  return Number.isInteger(length) && length >= 0;
}
