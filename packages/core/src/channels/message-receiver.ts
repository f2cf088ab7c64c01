import { NetworkError } from '../result/network-error.js';
import { receiveShortage } from '../result/shortage.js';
import type { CallbackGuard } from '../lifecycle/callback-guard.js';
import type { MessageCallback } from '../api/connection-types.js';
import { epochNow, runAsMicrotask } from '../platform/clock.js';
import { channelIdOf, FRAME_COST_BYTES, FrameType, frameTypeOf } from '../wire/frame.js';
import type { FrameLink, FrameSink } from '../wire/frame-link.js';
import type { Channel, IncomingHalf } from './channel.js';
import { ChannelReceiver, type ChannelReceiverEvents, type ReceiverLimits } from './channel-receiver.js';
import type { ChannelTable } from './channel-table.js';
import { coarseClock, coarseNow, NO_TICK } from './coarse-clock.js';
import { type AnyOwnership, Delivery, type DeliveryCallback, deliveryOf, type ParkedFrame } from './incoming-half.js';
import type { MessageSender } from './message-sender.js';
import { ownedBytes } from './owned-bytes.js';
import { FrameMemory } from './frame-memory.js';
import { Reassembly } from './reassembly.js';
import { borrowedTransferred } from './refusals.js';
import { SpareMemory } from './spare-memory.js';

/**
 * The incoming half of a connection. It makes messages of frames, checks windows, and parks frames that no consumer
 * takes.
 */
export class MessageReceiver implements FrameSink {
  /** When receiving began, in milliseconds since the epoch. */
  startTime = 0;
  messagesReceived = 0;
  bytesReceived = 0;
  lastActivityTime = 0;

  readonly #channels: ChannelTable;
  readonly #limits: ReceiverLimits;
  readonly #guard: CallbackGuard;
  readonly #sender: MessageSender;
  readonly #events: ChannelReceiverEvents;
  readonly #channelReceiver: ChannelReceiver;
  readonly #memory = new FrameMemory();
  /** The memory of messages that arrived in fragments and were delivered for the time of the callback only. */
  readonly #spare = new SpareMemory();
  readonly #creditThreshold: number;
  readonly #maxCost: number;
  readonly #window: number;
  /** The tick of the coarse clock in which the last message arrived. */
  #tick = NO_TICK;
  /** False after this side has decided to end the connection: then it drops messages. */
  #isDelivering = false;

  constructor(
    channels: ChannelTable,
    limits: ReceiverLimits,
    guard: CallbackGuard,
    sender: MessageSender,
    events: ChannelReceiverEvents,
  ) {
    this.#channels = channels;
    this.#limits = limits;
    this.#guard = guard;
    this.#sender = sender;
    this.#events = events;
    this.#channelReceiver = new ChannelReceiver(channels, limits.maxChannels, sender, events);
    // Half of a window: the peer sends the other half while the window update travels. No frame costs more than half,
    // so the peer always gets some window back.
    this.#maxCost = limits.maxMessageSize + FRAME_COST_BYTES;
    this.#window = limits.channelWindow;
    this.#creditThreshold = limits.channelWindow >>> 1;
  }

  start(link: FrameLink): void {
    this.#memory.start(link);
    this.#spare.clear();
    this.startTime = epochNow();
    this.messagesReceived = 0;
    this.bytesReceived = 0;
    this.lastActivityTime = 0;
    this.#tick = NO_TICK;
    this.#isDelivering = true;
  }

  /** The link is gone: the receiver keeps none of its memory. */
  stop(): void {
    this.#memory.stop();
    this.#spare.clear();
  }

  /** Drops all messages from now on. It still returns window: the peer sends its promised messages before it ends. */
  stopDelivering(): void {
    this.#isDelivering = false;
    this.#sender.lifecycle.dropsMessages();
    for (const { incoming } of this.#channels.all()) {
      incoming.consumeAll();
      if (incoming.owed > 0) this.#returnCredit(incoming);
    }
  }

  /** Whether messages go to consumers. False after this side has ended the connection, when it drops them. */
  get isDelivering(): boolean {
    return this.#isDelivering;
  }

  /** Sets or clears a channel's callback. A microtask delivers the parked messages. */
  setCallback(channel: Channel, callback: DeliveryCallback | null, ownership: AnyOwnership): void {
    const { incoming } = channel;
    incoming.setConsumer(callback, deliveryOf[ownership]);
    this.unpark(channel);
  }

  /** Delivers the parked messages if a consumer takes them by then. */
  unpark({ incoming }: Channel): void {
    if (incoming.parkedCount === 0 || incoming.isUnparking) return;
    incoming.isUnparking = true;
    // The delivery waits for a microtask, because a program that sets a callback has seldom finished its setup.
    runAsMicrotask(() => {
      incoming.isUnparking = false;
      this.#deliverParked(incoming);
    });
  }

  /** Removes and returns the whole unread messages of the channel; none after this side has ended the connection. */
  takeUnread({ incoming }: Channel): Uint8Array[] {
    const messages: Uint8Array[] = [];
    const collect = (data: Uint8Array): void => {
      messages.push(data);
    };
    incoming.setConsumer(collect, Delivery.Copy);
    this.#deliverParked(incoming);
    incoming.setConsumer(null, Delivery.Copy);
    return messages;
  }

  /**
   * Handles one frame of the peer. Hot path for whole messages that a consumer takes. Short, so that V8 compiles the
   * whole way of a message into the transport's loop.
   * @param isOwned whether the receiver may keep `bytes`; if not, they are valid during this call only
   */
  receive(header: number, bytes: Uint8Array, start: number, end: number, isOwned: boolean): void {
    const half = this.#channels.incoming(channelIdOf(header));
    if (frameTypeOf(header) !== 0 || half === undefined || !half.isClear || !this.#isDelivering) {
      this.#receiveOther(half, header, bytes, start, end, isOwned);
      return;
    }
    const cost = end - start + FRAME_COST_BYTES;
    if (cost > this.#maxCost || !half.accountConsumed(cost, this.#window)) {
      this.#exceeded(cost);
      return;
    }
    this.#deliver(half, bytes, start, end, isOwned);
    if (half.owed >= this.#creditThreshold) this.#returnCredit(half);
  }

  /** Handles a frame that is no whole message for a consumer. */
  #receiveOther(
    half: IncomingHalf | undefined,
    header: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    isOwned: boolean,
  ): void {
    const type = frameTypeOf(header);
    if (type > FrameType.MessageAbort) {
      this.#channelReceiver.receive(type, channelIdOf(header), bytes, start, end);
    } else if (half !== undefined) {
      this.#receiveData(half, type, bytes, start, end, isOwned);
    } else if (!this.#channels.wasRefused(channelIdOf(header))) {
      this.#violated(`data on channel ${channelIdOf(header)}, which is not open`);
    }
  }

  #receiveData(
    half: IncomingHalf,
    type: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    isOwned: boolean,
  ): void {
    const cost = end - start + FRAME_COST_BYTES;
    if (!this.#account(half, cost)) return;
    if (!this.#isDelivering) this.#consume(half, cost);
    else if (half.canDeliver) {
      if (this.#process(half, type, bytes, start, end, isOwned)) this.#consume(half, cost);
    } else {
      half.park({ type, bytes: ownedBytes(bytes, start, end, isOwned) });
      this.unpark(half.channel);
    }
  }

  #deliverParked(half: IncomingHalf): void {
    while (half.hasConsumer && this.#isDelivering) {
      const frame = half.takeParked();
      if (frame === undefined) break;
      // Read before the callback, which may transfer the memory. Then the array's length reads 0.
      const cost = frame.bytes.length + FRAME_COST_BYTES;
      if (!this.#processParked(half, frame)) {
        half.dropParked();
        return;
      }
      this.#consume(half, cost);
    }
    if (half.parkedCount === 0 && half.channel.isOver) this.#channels.closed.noteRead(half.channel);
  }

  /** Handles a parked frame, also without memory for it. Returns false if no later frame has a meaning. */
  #processParked(half: IncomingHalf, { type, bytes }: ParkedFrame): boolean {
    try {
      return this.#process(half, type, bytes, 0, bytes.length, true);
    } catch (error) {
      this.#events.onShortage(receiveShortage(error));
      return false;
    }
  }

  /** Counts a data frame against the window of its channel. Returns false if the peer exceeded its window. */
  #account(half: IncomingHalf, cost: number): boolean {
    return (cost <= this.#maxCost && half.account(cost, this.#window)) || this.#exceeded(cost);
  }

  #exceeded(cost: number): false {
    if (cost > this.#maxCost) return this.#violated(`a message of more than ${this.#limits.maxMessageSize} bytes`);
    return this.#violated(`more than the window of ${this.#limits.channelWindow} bytes on one channel`);
  }

  #consume(half: IncomingHalf, cost: number): void {
    half.consume(cost);
    if (half.owed >= this.#creditThreshold) this.#returnCredit(half);
  }

  #returnCredit(half: IncomingHalf): void {
    if (half.id >= 0 && !half.isEnded) this.#sender.returnCredit(half);
  }

  /** Handles a data frame in its order. Returns false if the peer broke the protocol. */
  #process(half: IncomingHalf, type: number, bytes: Uint8Array, start: number, end: number, isOwned: boolean): boolean {
    const { reassembly } = half;
    if (type === FrameType.Message || type === FrameType.MessageStart) {
      if (reassembly !== undefined) return this.#violated('a new message inside an unfinished one');
      if (type === FrameType.MessageStart) return this.#startReassembly(half, bytes, start, end);
      this.#deliver(half, bytes, start, end, isOwned);
      return true;
    }
    if (reassembly === undefined) return this.#violated('a fragment of a message that was never started');
    if (type === FrameType.MessageAbort) {
      half.setReassembly(undefined);
      return true;
    }
    if (reassembly.isLost) {
      this.#events.onViolation(borrowedTransferred());
      return false;
    }
    const violation = reassembly.add(bytes, start, end);
    if (violation !== undefined) return this.#violated(violation);
    if (reassembly.missing > 0) return true;
    half.setReassembly(undefined);
    // The callback may set another one.
    const isKept = half.delivery === Delivery.Copy;
    this.#deliver(half, isKept ? reassembly.owned() : reassembly.bytes, 0, reassembly.total, true);
    if (!isKept) this.#spare.release(reassembly.bytes);
    return true;
  }

  #startReassembly(half: IncomingHalf, bytes: Uint8Array, start: number, end: number): boolean {
    // The program owns its messages, so only one that is valid for the time of a callback may come in used memory.
    const spare = half.delivery === Delivery.Copy ? undefined : this.#spare;
    const announced = Reassembly.announced(bytes, start, end, this.#limits.maxMessageSize, spare);
    if (typeof announced === 'string') return this.#violated(announced);
    half.setReassembly(announced);
    return true;
  }

  #deliver(half: IncomingHalf, bytes: Uint8Array, start: number, end: number, isOwned: boolean): void {
    this.messagesReceived += 1;
    this.bytesReceived += end - start;
    if (this.#tick !== coarseClock.tick) this.#noteActivity();
    const { callback, delivery } = half;
    if (callback === null) return;
    const memory = this.#memory;
    if (delivery === Delivery.InPlace) {
      this.#guard.runInPlace(callback, memory.plain(bytes, isOwned), start, end);
    } else {
      const isCopy = delivery === Delivery.Copy;
      const data = isCopy ? memory.copy(bytes, start, end, isOwned) : memory.borrow(bytes, start, end, isOwned);
      this.#guard.run(callback as MessageCallback, data);
    }
  }

  /** Notes the first message of this tick. */
  #noteActivity(): void {
    this.lastActivityTime = coarseNow();
    this.#tick = coarseClock.tick;
  }

  #violated(what: string): false {
    this.#events.onViolation(new NetworkError('InvalidMessage', `the peer broke the protocol: it sent ${what}`));
    return false;
  }
}
