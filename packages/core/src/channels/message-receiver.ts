import { NetworkError } from '../result/network-error.js';
import { type CallbackGuard, isAsyncFunction } from '../lifecycle/callback-guard.js';
import type { Channel, Reassembly } from './channel.js';
import { type ChannelTable, MAX_CHANNEL_NAME_BYTES } from './channel-table.js';
import { coarseNow } from './coarse-clock.js';
import type { MessageCallback, MessageCallbackOptions } from '../api/connection-types.js';
import { channelIdOf, decodeUint32, FRAME_COST_BYTES, FrameType, frameTypeOf } from '../wire/frame.js';
import type { MessageSender } from './message-sender.js';
import { ownedBytes, unwrittenBytes } from './owned-bytes.js';

/** What the receiver needs to know of the configuration. */
export interface ReceiverLimits {
  readonly maxMessageSize: number;
  readonly channelWindow: number;
  readonly maxChannels: number;
}

/** What the receiver tells its connection. */
export interface ReceiverEvents {
  /** The peer broke the protocol: the connection must fail. */
  onViolation(error: NetworkError): void;
  /** The peer opened a channel that was not open. */
  onChannelOpened(name: string): void;
  /** The peer refused a channel that this side opened. */
  onChannelRefused(error: NetworkError): void;
  /** A message of the default channel is to be told to `message` listeners. */
  onMessageEvent(data: Uint8Array): void;
  /** Nothing is parked any more. */
  onUnparked(): unknown;
}

const NO_BYTES = new Uint8Array(0);

/**
 * So much memory an announced message gets until more than that of it has arrived, in bytes. Shorter than the fragments of
 * a peer with the default window, so that its messages get all of theirs with the first one.
 */
const FIRST_REASSEMBLY_BYTES = 32 * 1024;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The incoming half of a connection: frames become messages, windows are watched, what nobody takes is parked. */
export class MessageReceiver {
  /** When receiving began, in milliseconds since the epoch. */
  startTime = 0;
  messagesReceived = 0;
  bytesReceived = 0;
  lastActivityTime = 0;

  readonly #channels: ChannelTable;
  readonly #limits: ReceiverLimits;
  readonly #guard: CallbackGuard;
  readonly #sender: MessageSender;
  readonly #events: ReceiverEvents;
  readonly #creditThreshold: number;
  /** The transport's memory that frames were last shown in: asking an array for its buffer costs more than a small copy. */
  #lastBytes: Uint8Array | undefined;
  #lastBuffer: ArrayBufferLike | undefined;
  #lastOffset = 0;
  /** Messages are dropped once this side has decided to end the connection. */
  #isDelivering = false;

  constructor(
    channels: ChannelTable,
    limits: ReceiverLimits,
    guard: CallbackGuard,
    sender: MessageSender,
    events: ReceiverEvents,
  ) {
    this.#channels = channels;
    this.#limits = limits;
    this.#guard = guard;
    this.#sender = sender;
    this.#events = events;
    // A half: the peer sends the other while credit travels, and as no frame costs more than half, it always gets some.
    this.#creditThreshold = limits.channelWindow >>> 1;
  }

  start(): void {
    this.startTime = Date.now();
    this.messagesReceived = 0;
    this.bytesReceived = 0;
    this.lastActivityTime = 0;
    this.#lastBytes = undefined;
    this.#lastBuffer = undefined;
    this.#isDelivering = true;
  }

  /** This side ends the connection: what arrives from here on is dropped. */
  stopDelivering(): void {
    this.#isDelivering = false;
  }

  /** Whether a channel holds messages for a callback that is not there yet. */
  get hasParked(): boolean {
    return this.#channels.all().some((channel) => channel.parked.length > 0);
  }

  /** Sets or clears a channel's callback; what was parked for it is delivered from a microtask. */
  setCallback(channel: Channel, callback: MessageCallback | null, options: MessageCallbackOptions | undefined): void {
    channel.callback = callback;
    channel.callbackIsAsync = callback !== null && isAsyncFunction(callback);
    channel.ownership = options?.ownership ?? 'copy';
    this.unpark(channel);
  }

  /** Delivers what is parked, if somebody takes it by now. */
  unpark(channel: Channel): void {
    if (channel.parked.length === 0 || channel.isUnparking) return;
    channel.isUnparking = true;
    // Not at once: whoever sets a callback has seldom finished setting up.
    queueMicrotask(() => {
      channel.isUnparking = false;
      while ((channel.callback !== null || channel.hasListeners) && this.#isDelivering) {
        const frame = channel.parked.shift();
        if (frame === undefined) break;
        this.#process(channel, frame.type, frame.bytes, 0, frame.bytes.length, true);
        this.#consume(channel, frame.bytes.length + FRAME_COST_BYTES);
      }
      if (!this.hasParked) this.#events.onUnparked();
    });
  }

  /**
   * One frame from the peer. Hot path for whole messages that somebody takes.
   * @param isOwned whether `bytes` is the receiver's to keep; if not, it is valid during this call only
   */
  receive(header: number, bytes: Uint8Array, start: number, end: number, isOwned: boolean): void {
    const channel = this.#channels.ofRemoteId(channelIdOf(header));
    if (frameTypeOf(header) === FrameType.Message && channel?.canDeliver === true && channel.reassembly === undefined) {
      const cost = end - start + FRAME_COST_BYTES;
      if (!this.#isDelivering || !this.#account(channel, cost)) return;
      this.#deliver(channel, bytes, start, end, isOwned);
      this.#consume(channel, cost);
      return;
    }
    this.#receiveSlowly(channel, header, bytes, start, end, isOwned);
  }

  #receiveSlowly(
    channel: Channel | undefined,
    header: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    isOwned: boolean,
  ): void {
    const type = frameTypeOf(header);
    switch (type) {
      case FrameType.Message:
      case FrameType.MessageStart:
      case FrameType.Fragment:
      case FrameType.MessageAbort:
        if (channel !== undefined) this.#receiveData(channel, type, bytes, start, end, isOwned);
        else if (!this.#channels.wasRefused(channelIdOf(header))) {
          this.#violated(`data on channel ${channelIdOf(header)}, which it never opened`);
        }
        break;
      case FrameType.ChannelOpen:
        this.#receiveOpen(channelIdOf(header), bytes, start, end);
        break;
      case FrameType.ChannelRefuse:
        this.#receiveRefusal(channelIdOf(header));
        break;
      case FrameType.WindowUpdate:
        this.#receiveCredit(channelIdOf(header), bytes, start, end);
        break;
      default:
        this.#violated(`a frame of the unknown type ${type}`);
    }
  }

  #receiveData(
    channel: Channel,
    type: FrameType,
    bytes: Uint8Array,
    start: number,
    end: number,
    isOwned: boolean,
  ): void {
    if (!this.#isDelivering) return;
    const cost = end - start + FRAME_COST_BYTES;
    if (!this.#account(channel, cost)) return;
    if (channel.canDeliver) {
      this.#process(channel, type, bytes, start, end, isOwned);
      this.#consume(channel, cost);
    } else {
      channel.parked.push({ type, bytes: ownedBytes(bytes, start, end, isOwned) });
      this.unpark(channel);
    }
  }

  /** Counts a data frame against the window of its channel; false where the peer sent more than it may. */
  #account(channel: Channel, cost: number): boolean {
    if (cost > this.#limits.maxMessageSize + FRAME_COST_BYTES) {
      this.#violated(`a message of more than ${this.#limits.maxMessageSize} bytes`);
      return false;
    }
    channel.outstanding += cost;
    if (channel.outstanding <= this.#limits.channelWindow) return true;
    this.#violated(`more than the window of ${this.#limits.channelWindow} bytes on one channel`);
    return false;
  }

  #consume(channel: Channel, cost: number): void {
    channel.owedCredit += cost;
    if (channel.owedCredit >= this.#creditThreshold) this.#sender.returnCredit(channel);
  }

  /** A data frame whose turn has come. */
  #process(channel: Channel, type: number, bytes: Uint8Array, start: number, end: number, isOwned: boolean): void {
    const reassembly = channel.reassembly;
    if (type === FrameType.Message || type === FrameType.MessageStart) {
      if (reassembly !== undefined) this.#violated('a new message inside an unfinished one');
      else if (type === FrameType.Message) this.#deliver(channel, bytes, start, end, isOwned);
      else this.#startReassembly(channel, bytes, start, end);
      return;
    }
    if (reassembly === undefined) {
      this.#violated('a fragment of a message that was never started');
    } else if (type === FrameType.MessageAbort) {
      channel.reassembly = undefined;
    } else if (end - start > reassembly.total - reassembly.received) {
      this.#violated('more fragment bytes than the message was announced with');
    } else {
      makeRoom(reassembly, reassembly.received + end - start);
      reassembly.bytes.set(bytes.subarray(start, end), reassembly.received);
      reassembly.received += end - start;
      if (reassembly.received < reassembly.total) return;
      channel.reassembly = undefined;
      this.#deliver(channel, reassembly.bytes, 0, reassembly.received, true);
    }
  }

  #startReassembly(channel: Channel, bytes: Uint8Array, start: number, end: number): void {
    const total = end - start === 4 ? decodeUint32(bytes, start) : 0;
    if (total === 0 || total > this.#limits.maxMessageSize) {
      this.#violated(`a message of ${total} bytes where 1 to ${this.#limits.maxMessageSize} are allowed`);
      return;
    }
    channel.reassembly = { bytes: NO_BYTES, total, received: 0 };
  }

  #deliver(channel: Channel, bytes: Uint8Array, start: number, end: number, isOwned: boolean): void {
    this.messagesReceived += 1;
    this.bytesReceived += end - start;
    this.lastActivityTime = coarseNow();
    const callback = channel.callback;
    let data: Uint8Array | undefined;
    if (callback !== null) {
      data =
        channel.ownership === 'borrow'
          ? this.#borrow(bytes, start, end, isOwned)
          : ownedBytes(bytes, start, end, isOwned);
      this.#guard.run(callback, data, channel.callbackIsAsync);
    }
    if (!channel.hasListeners) return;
    const isListenersOwn = callback === null || channel.ownership === 'borrow';
    this.#events.onMessageEvent(isListenersOwn || data === undefined ? ownedBytes(bytes, start, end, isOwned) : data);
  }

  /** A plain view, also where the transport has a subclass. */
  #borrow(bytes: Uint8Array, start: number, end: number, isOwned: boolean): Uint8Array {
    if (isOwned) return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
    if (bytes !== this.#lastBytes) {
      this.#lastBytes = bytes;
      this.#lastBuffer = bytes.buffer;
      this.#lastOffset = bytes.byteOffset;
    }
    return new Uint8Array(this.#lastBuffer as ArrayBufferLike, this.#lastOffset + start, end - start);
  }

  #receiveOpen(id: number, bytes: Uint8Array, start: number, end: number): void {
    if (end - start < 1 || end - start > MAX_CHANNEL_NAME_BYTES) {
      this.#violated(`a channel name of ${end - start} bytes`);
      return;
    }
    let name: string;
    try {
      // A copy: the decoder reads its input more than once, and a peer may change shared bytes in between.
      name = decoder.decode(ownedBytes(bytes, start, end, false));
    } catch {
      this.#violated('a channel name that is not UTF-8');
      return;
    }
    const known = this.#channels.find(name);
    const isNew = known?.isOpen !== true;
    if (isNew && (this.#channels.openCount >= this.#limits.maxChannels || !this.#channels.hasFreeId)) {
      if (this.#channels.refuseRemote(id)) this.#sender.refuseChannel(id);
      else this.#violated(`channel id ${id} out of turn`);
      return;
    }
    const channel = this.#channels.obtain(name);
    if (!this.#channels.bindRemote(channel, id)) {
      this.#violated(`channel id ${id} out of turn, or a channel opened twice`);
      return;
    }
    if (!isNew) return;
    this.#sender.announce(channel);
    this.#events.onChannelOpened(name);
  }

  #receiveRefusal(id: number): void {
    const channel = id === 0 ? undefined : this.#channels.ofLocalId(id);
    if (channel?.name === undefined || channel.localId !== id) {
      this.#violated(`a refusal of channel ${id}, which was never opened`);
      return;
    }
    this.#sender.abandonChannel(channel);
    const name = JSON.stringify(channel.name);
    this.#events.onChannelRefused(
      new NetworkError('ResourceLimitExceeded', `the peer refused channel ${name}: its limit is reached`),
    );
  }

  #receiveCredit(id: number, bytes: Uint8Array, start: number, end: number): void {
    const channel = this.#channels.ofLocalId(id);
    const credit = end - start === 4 ? decodeUint32(bytes, start) : 0;
    if (channel === undefined || credit === 0) {
      this.#violated(`a window update of ${end - start} bytes for channel ${id}`);
    } else if (channel.localId === id && !this.#sender.onCredit(channel, credit)) {
      this.#violated('a window update for more than was sent');
    }
  }

  #violated(what: string): void {
    this.#events.onViolation(new NetworkError('InvalidMessage', `the peer broke the protocol: it sent ${what}`));
  }
}

/**
 * Memory for a message follows what has arrived of it, so that announcing a long one costs the peer more than it costs
 * this side: a little at first, and the whole, once, when there is more than that.
 */
function makeRoom(reassembly: Reassembly, needed: number): void {
  if (needed <= reassembly.bytes.length) return;
  const { bytes, total, received } = reassembly;
  reassembly.bytes = unwrittenBytes(needed > FIRST_REASSEMBLY_BYTES ? total : Math.min(total, FIRST_REASSEMBLY_BYTES));
  reassembly.bytes.set(bytes.subarray(0, received));
}
