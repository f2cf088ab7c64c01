import { err, OK, RESOLVED_OK, type Failure, type Result } from '../result/result.js';
import { coarseNow } from './coarse-clock.js';
import type { ConnectionStats, UnconfirmedSends } from '../api/connection-types.js';
import type { Channel, QueuedMessage, SendOutcome } from './channel.js';
import type { ChannelTable } from './channel-table.js';
import { FRAME_COST_BYTES, frameHeader, FrameType } from '../wire/frame.js';
import type { FrameLink, FrameWriter } from '../wire/frame-link.js';
import { checkBatch, checkMessageBytes } from './message-bytes.js';
import type { PeerLimits } from '../wire/peer-limits.js';
import type { SendClaim } from '../api/send-claim.js';
import { noteCredit, unconfirmedOf } from './send-confirmation.js';
import { SendQueue } from './send-queue.js';

/** What the sender needs to know of the configuration. */
export interface SenderLimits {
  readonly maxMessageSize: number;
  readonly sendTimeoutMs: number;
  readonly sendQueueBytes: number;
}

/** What a sender tells its connection. */
export interface SenderEvents {
  /** A sender that was refused may go on; runs user code. */
  readonly onDrain: (channel: Channel) => void;
  /** A message of `length` bytes was refused for now, or is the first that has to wait. */
  readonly onBackpressure: (channel: Channel, length: number) => void;
}

const WOULD_BLOCK = Object.freeze(err('WouldBlock', 'there is no room now; nothing was queued: wait for "drain"'));
/** Below this a fragment costs more by being one than it gains. */
const MIN_FRAGMENT_BYTES = 16 * 1024;
const NO_BYTES = new Uint8Array(0);

/** The outgoing half of a connection: order, windows, fragments, waiting messages and zero-copy claims. */
export class MessageSender {
  /** How often a `trySend` was refused with `WouldBlock`. */
  wouldBlockSends = 0;
  lastActivityTime = 0;

  readonly #channels: ChannelTable;
  readonly #limits: SenderLimits;
  readonly #events: SenderEvents;
  readonly #queue: SendQueue;
  /** Set while user messages are taken. */
  #writer: FrameWriter | undefined;
  #peer: PeerLimits | undefined;
  #maxMessageSize = 0;
  /** The longest message that goes as one frame. */
  #wholeBytes = 0;
  /** The number of the claim under way, 0: none. Not the claim: a reference to what is this young costs a write barrier. */
  #claimed = 0;
  #claimCount = 0;
  /** Whether the claim under way is the writer's own room, which takes the message as one frame. */
  #isClaimWhole = false;

  constructor(channels: ChannelTable, limits: SenderLimits, events: SenderEvents) {
    this.#channels = channels;
    this.#limits = limits;
    this.#events = events;
    this.#queue = new SendQueue(events.onDrain, (channel, length) => {
      this.#countSent(channel, length);
    });
  }

  /** A link stands: the channels start anew and messages are taken. */
  start(link: FrameLink): void {
    this.wouldBlockSends = 0;
    this.lastActivityTime = 0;
    const { channelWindow, maxMessageSize } = link.peerLimits;
    this.#writer = link.writer;
    this.#peer = link.peerLimits;
    this.#maxMessageSize = Math.min(this.#limits.maxMessageSize, maxMessageSize);
    // Half a window lets one frame travel while the credit for the one before it comes back.
    const frameBytes = Math.min(link.writer.maxFrameBytes, (channelWindow >>> 1) - FRAME_COST_BYTES);
    this.#wholeBytes = Math.min(frameBytes, this.#maxMessageSize);
    this.#channels.start(channelWindow);
    // Shorter fragments than could go: the peer puts one together while the next is written.
    this.#queue.start(link.writer, frameBytes, Math.min(frameBytes, Math.max(channelWindow >>> 4, MIN_FRAGMENT_BYTES)));
  }

  /**
   * No more messages are taken and those that wait end with `outcome`. What `trySend` promised to deliver goes on
   * being sent until `stop()`; the promise resolves when that is done. A claim under way is given up.
   */
  finish(outcome: SendOutcome): Promise<void> {
    if (this.#claimed !== 0 && this.#isClaimWhole) this.#writer?.abortClaim();
    this.#writer = undefined;
    this.#claimed = 0;
    this.#queue.isHeld = false;
    return this.#queue.finish(outcome);
  }

  /** The link is gone: nothing is written any more. */
  stop(outcome: SendOutcome): void {
    this.#writer = undefined;
    this.#claimed = 0;
    this.#queue.stop(outcome);
  }

  /** Messages and payload bytes that the transport took whole since the link stood, on all channels. */
  sent(): Pick<ConnectionStats, 'messagesSent' | 'bytesSent'> {
    let messagesSent = 0;
    let bytesSent = 0;
    for (const channel of this.#channels.all()) {
      messagesSent += channel.messagesSent;
      bytesSent += channel.bytesSent;
    }
    return { messagesSent, bytesSent };
  }

  /** What the peer may not have taken of all that was accepted since the link stood; stays as it was when the link went. */
  unconfirmed(): UnconfirmedSends {
    return unconfirmedOf(this.#channels.all(), this.#queue.promised());
  }

  /** Sends now or not at all. Hot path: one frame, no allocation. */
  trySend(channel: Channel, data: Uint8Array): Result {
    checkMessageBytes(data);
    if (this.#send(channel, data)) return OK;
    return this.#refusalOf(channel, data.length) ?? this.#refuse(channel, data.length);
  }

  /** Sends as many as there is room for, from the first on; their number, or why not even the first could go. */
  trySendBatch(channel: Channel, messages: readonly Uint8Array[]): Result<number> {
    checkBatch(messages);
    const writer = this.#writer;
    let taken = 0;
    writer?.beginBatch?.();
    while (taken < messages.length && this.#send(channel, messages[taken] as Uint8Array)) taken += 1;
    writer?.endBatch?.();
    const next = messages[taken];
    if (next !== undefined) {
      const refusal = this.#refusalOf(channel, next.length) ?? this.#refuse(channel, next.length);
      if (taken === 0) return refusal;
    }
    return { ok: true, value: taken };
  }

  /** Sends now or waits for its turn; the promise resolves when the transport has taken the whole message. */
  send(channel: Channel, data: Uint8Array, signal?: AbortSignal): Promise<Result> {
    checkMessageBytes(data);
    if (signal?.aborted === true) return Promise.resolve(aborted(signal));
    if (data.length <= this.#wholeBytes && this.#send(channel, data)) return RESOLVED_OK;
    const refusal =
      this.#refusalOf(channel, data.length) ?? this.#queue.overflowOf(data.length, this.#limits.sendQueueBytes);
    if (refusal !== undefined) return Promise.resolve(refusal);
    return this.#enqueue(channel, data, signal);
  }

  /** Room for a message on the default channel, to be filled in place. */
  claim(channel: Channel, length: number): Result<SendClaim> {
    if (!Number.isInteger(length) || length < 0) {
      return err('InvalidParameter', `claim takes a whole number of bytes from 0 on; ${length} was given`);
    }
    const writer = this.#writer;
    if (writer === undefined || length > this.#maxMessageSize || !this.#isFree(channel, length)) {
      return this.#refusalOf(channel, length) ?? this.#refuse(channel, length);
    }
    const isWhole = length <= this.#wholeBytes;
    const bytes = isWhole ? writer.tryClaim(length) : new Uint8Array(length);
    if (bytes === undefined) {
      this.#queue.isFull = true;
      return this.#refuse(channel, length);
    }
    this.#claimCount += 1;
    this.#claimed = this.#claimCount;
    this.#isClaimWhole = isWhole;
    this.#queue.isHeld = true;
    return { ok: true, value: new ClaimUnderWay(this, this.#claimCount, channel, bytes) };
  }

  /** Sends a claim of this sender. */
  commitClaim(claim: ClaimUnderWay): Result {
    const failure = this.#release(claim);
    if (failure !== undefined) return failure;
    const { channel, bytes } = claim;
    if (this.#isClaimWhole) {
      const { length } = bytes;
      this.#writer?.commitClaim(channel.localId << 8);
      channel.credit -= length + FRAME_COST_BYTES;
      this.#countSent(channel, length);
    } else {
      // Nothing could be sent since the claim, so the message is next in order.
      this.#queue.add(channel, queued(bytes));
    }
    this.#queue.pump();
    return OK;
  }

  /** Gives a claim of this sender up. */
  abortClaim(claim: ClaimUnderWay): void {
    if (this.#release(claim) !== undefined) return;
    if (this.#isClaimWhole) this.#writer?.abortClaim();
    this.#queue.pump();
  }

  /** Opens a channel towards the peer, who is told; resolves when the transport has taken that frame. */
  openChannel(channel: Channel, maxChannels: number, signal?: AbortSignal): Promise<Result> {
    if (signal?.aborted === true) return Promise.resolve(notAwaited(signal));
    const peer = this.#peer;
    if (this.#writer === undefined || peer === undefined) return Promise.resolve(this.#closed());
    if (!channel.isOpen) {
      const limit = Math.min(maxChannels, peer.maxChannels);
      if (this.#channels.openCount >= limit || !this.#channels.hasFreeId) {
        return Promise.resolve(
          err('ResourceLimitExceeded', `${limit} named channels are open already, the limit of this connection`),
        );
      }
      this.announce(channel, peer);
    }
    if (channel.isAnnounced) return RESOLVED_OK;
    return new Promise((resolve) => {
      const onAbort = (): void => {
        resolve(notAwaited(signal));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#queue.onAnnounced(channel, (wasAnnounced) => {
        signal?.removeEventListener('abort', onAbort);
        resolve(wasAnnounced ? OK : this.#closed());
      });
    });
  }

  /** Why nothing can be sent on a channel of that name, of which there is none. */
  noChannel(name: string | undefined): Failure {
    const notOpen = channelNotOpen(name);
    return this.#writer === undefined ? this.#closed() : notOpen;
  }

  /** Gives the channel an id of this side and tells the peer. */
  announce(channel: Channel, peer = this.#peer): void {
    if (peer === undefined) return;
    this.#channels.open(channel, peer.channelWindow);
    this.#queue.announce(channel);
  }

  /** The peer closed its side of a channel before it was used: what waits on it ends. */
  abandonChannel(channel: Channel): void {
    this.#queue.abandon(channel);
    // What was on its way is lost: from here on nothing on the channel counts as confirmed.
    channel.markedCredit = Infinity;
    channel.localId = -1;
    channel.isAnnounced = false;
  }

  /** Tells the peer that it may not use its channel `remoteId`. */
  refuseChannel(remoteId: number): void {
    this.#queue.pushControl(frameHeader(FrameType.ChannelRefuse, remoteId), NO_BYTES);
  }

  /** Gives the peer back what was consumed of its window for `channel`. */
  returnCredit(channel: Channel): void {
    this.#queue.returnCredit(channel);
  }

  /** The peer gave back `bytes` of the window; false where that is more than it was given. */
  onCredit(channel: Channel, bytes: number): boolean {
    const window = this.#peer?.channelWindow ?? 0;
    if (channel.credit + bytes > window) return false;
    channel.credit += bytes;
    noteCredit(channel, bytes, window);
    this.#queue.pump();
    return true;
  }

  /** The transport has room again. */
  onWritable(): void {
    this.#queue.isFull = false;
    this.#queue.pump();
  }

  #release(claim: ClaimUnderWay): Failure | undefined {
    if (this.#claimed !== claim.number) {
      return (
        this.#refusalOf(claim.channel, claim.bytes.length) ??
        err('InvalidParameter', 'this claim was already committed or aborted')
      );
    }
    this.#claimed = 0;
    this.#queue.isHeld = false;
    return undefined;
  }

  #send(channel: Channel, data: Uint8Array): boolean {
    const length = data.length;
    const writer = this.#writer;
    if (writer === undefined) return false;
    if (length > this.#wholeBytes) return this.#sendLarge(channel, data);
    const cost = length + FRAME_COST_BYTES;
    if (!channel.isAnnounced || channel.credit < cost || channel.queue.length !== 0 || channel.owesAbort) return false;
    if (this.#claimed !== 0) return false;
    if (!writer.tryWrite(channel.localId << 8, data, 0, length)) {
      this.#queue.isFull = true;
      return false;
    }
    channel.credit -= cost;
    channel.messagesSent += 1;
    channel.bytesSent += length;
    this.lastActivityTime = coarseNow();
    return true;
  }

  /** Starts a message that needs fragments; what can't go at once is copied and follows. */
  #sendLarge(channel: Channel, data: Uint8Array): boolean {
    if (data.length > this.#maxMessageSize || !this.#isFree(channel, 0)) return false;
    const message = queued(data);
    if (!this.#queue.sendFrame(channel, message)) return false;
    while (message.offset < data.length && this.#queue.sendFrame(channel, message)) {
      // Each turn sends one fragment.
    }
    if (message.offset === data.length) {
      this.#countSent(channel, data.length);
    } else {
      message.bytes = this.#queue.copies.copy(data, message.offset);
      message.isCopy = true;
      message.offset = 0;
      this.#queue.add(channel, message);
    }
    return true;
  }

  #enqueue(channel: Channel, data: Uint8Array, signal: AbortSignal | undefined): Promise<Result> {
    if (channel.queue.length === 0) this.#events.onBackpressure(channel, data.length);
    return new Promise((resolve) => {
      const onAbort = (): void => {
        this.#queue.cancel(channel, message);
      };
      const timeoutMs = this.#limits.sendTimeoutMs;
      const message: QueuedMessage = {
        // A copy, so that the caller may use its buffer again at once.
        ...queued(this.#queue.copies.copy(data, 0)),
        isCopy: true,
        deadline: performance.now() + timeoutMs,
        settle: (outcome) => {
          signal?.removeEventListener('abort', onAbort);
          if (outcome === 'accepted') resolve(OK);
          else if (outcome === 'aborted') resolve(aborted(signal));
          else if (outcome === 'timed-out') {
            resolve(
              err(
                'Timeout',
                `the message was not accepted within ${timeoutMs} ms (sendTimeoutMs); it is not delivered`,
              ),
            );
          } else if (outcome === 'peer-died')
            resolve(err('PeerDied', 'the peer died before it could take the message'));
          else resolve(err('ConnectionClosed', 'the connection ended before the message could be sent'));
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#queue.add(channel, message);
      this.#queue.pump();
    });
  }

  /** Whether a message of `length` bytes could start now, as far as this side knows. */
  #isFree(channel: Channel, length: number): boolean {
    const cost = Math.min(length, this.#wholeBytes) + FRAME_COST_BYTES;
    const isIdle = this.#claimed === 0 && channel.queue.length === 0 && !channel.owesAbort;
    return isIdle && channel.isAnnounced && channel.credit >= cost;
  }

  /** Why this message can never be sent as things are; undefined where waiting helps. */
  #refusalOf(channel: Channel, length: number): Failure | undefined {
    if (this.#writer === undefined) return this.#closed();
    if (!channel.isOpen) return channelNotOpen(channel.name);
    if (length > this.#maxMessageSize) {
      return err(
        'MessageTooLarge',
        `the message has ${length} bytes, the limit of this connection is ${this.#maxMessageSize} (maxMessageSize)`,
      );
    }
    return undefined;
  }

  #refuse(channel: Channel, length: number): Failure {
    if (!channel.owesDrain) this.#events.onBackpressure(channel, length);
    channel.owesDrain = true;
    this.#queue.noteDrain(channel);
    this.wouldBlockSends += 1;
    return WOULD_BLOCK;
  }

  #countSent(channel: Channel, length: number): void {
    channel.messagesSent += 1;
    channel.bytesSent += length;
    this.lastActivityTime = coarseNow();
  }

  #closed(): Failure {
    return err('ConnectionClosed', 'the connection is not connected');
  }
}

/** A claim as its sender made it. A class, so that none costs a closure. */
class ClaimUnderWay implements SendClaim {
  readonly #sender: MessageSender;

  /** @param number the sender's count of claims */
  constructor(
    sender: MessageSender,
    readonly number: number,
    readonly channel: Channel,
    readonly bytes: Uint8Array,
  ) {
    this.#sender = sender;
  }

  commit(): Result {
    return this.#sender.commitClaim(this);
  }

  abort(): void {
    this.#sender.abortClaim(this);
  }
}

/** A message that `trySend` or a claim promised to deliver, of which nothing was sent. */
function queued(bytes: Uint8Array): QueuedMessage {
  return {
    bytes,
    isCopy: false,
    offset: 0,
    length: bytes.length,
    isStarted: false,
    deadline: Infinity,
    settle: undefined,
  };
}

/** Sending on a channel that is not open is an error, never a silent use of the default channel. */
function channelNotOpen(name: string | undefined): Failure {
  if (typeof name !== 'string') throw new TypeError(`a channel name is a string; ${typeof name} was given`);
  return err('InvalidParameter', `channel ${JSON.stringify(name)} is not open: call openChannel first`);
}

function aborted(signal: AbortSignal | undefined): Failure {
  return err('Aborted', 'the send was aborted before the message was accepted; it is not delivered', signal?.reason);
}

/** The channel opens all the same: the peer is told as soon as there is room. */
function notAwaited(signal: AbortSignal | undefined): Failure {
  return err('Aborted', 'that the channel is open is not waited for any more', signal?.reason);
}
