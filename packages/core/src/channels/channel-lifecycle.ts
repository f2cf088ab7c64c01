import { err, OK, RESOLVED_OK, type Failure, type Result } from '../result/result.js';
import { FrameType } from '../wire/frame.js';
import { Capability, type PeerLimits } from '../wire/peer-limits.js';
import { startLimit } from '../platform/clock.js';
import type { Channel } from './channel.js';
import { shownChannel } from './channel-name.js';
import type { ChannelTable } from './channel-table.js';
import type { SendOutcome } from './message-line.js';
import { closeNotAwaited, defaultChannelStays, notConnected, openNotAwaited } from './refusals.js';
import type { SendQueue } from './send-queue.js';

/** The limits of the configuration for opening and closing channels. */
export interface LifecycleLimits {
  readonly maxChannels: number;
  readonly sendTimeoutMs: number;
}

/**
 * Opens and closes channels. Each side announces that it sends nothing more (`ChannelClose`), and acknowledges the
 * announcement of the other (`ChannelClosed`). After that no frame of the old channel can still be in flight, so both
 * of its ids are free.
 */
export class ChannelLifecycle {
  readonly #channels: ChannelTable;
  readonly #queue: SendQueue;
  readonly #limits: LifecycleLimits;
  /** The limit of unwritten control frames. A correct peer can cause only a few for each channel that may be open. */
  readonly #maxWaiting: number;
  readonly #onOpened: (channel: Channel) => void;
  /** Set from the start of the link until this side ends it. */
  #peer: PeerLimits | undefined;
  /** Whether the peer supports closing channels. */
  #canClose = false;

  /** @param onOpened called as soon as this side sends on a channel: its first messages may come in the same delivery */
  constructor(channels: ChannelTable, queue: SendQueue, limits: LifecycleLimits, onOpened: (channel: Channel) => void) {
    this.#channels = channels;
    this.#queue = queue;
    this.#limits = limits;
    this.#onOpened = onOpened;
    this.#maxWaiting = 4 * limits.maxChannels + 64;
  }

  start(peer: PeerLimits): void {
    this.#peer = peer;
    this.#canClose = ((peer.capabilities ?? 0) & Capability.ChannelClose) !== 0;
  }

  /** Ends the opening and closing of channels, and the calls that wait for a close. */
  stop(outcome: SendOutcome): void {
    this.#peer = undefined;
    for (const channel of this.#channels.all()) settleWaiters(channel, outcome);
  }

  /** This side drops all messages from now on. The peer learns it with the window that comes back, if it can. */
  dropsMessages(): void {
    if (((this.#peer?.capabilities ?? 0) & Capability.DroppedWindow) !== 0) this.#queue.control.reportDrops();
  }

  /** Whether the peer supports closing channels. */
  get canClose(): boolean {
    return this.#canClose;
  }

  /** Whether the peer causes control frames faster than it reads them. */
  get isFlooded(): boolean {
    return this.#queue.control.length > this.#maxWaiting;
  }

  /** Opens the channel of that name and announces it to the peer. Resolves when the transport has taken that frame. */
  async open(name: string, signal?: AbortSignal): Promise<Result> {
    if (signal?.aborted === true) return openNotAwaited(signal);
    // Without a link, nothing ends the wait for a channel that was closing when the link ended.
    if (this.#peer === undefined) return notConnected();
    const channel = this.#channels.obtainLive(name);
    if (!channel.isClosing) return this.#open(channel, signal);
    // The peer must see the end of the old channel before it sees the new one.
    const closed = await this.#whenClosed(channel, signal);
    return closed.ok ? this.open(name, signal) : closed;
  }

  /** Closes the channel of that name. Returns ok if no such channel is open. */
  closeNamed(name: string, signal?: AbortSignal): Promise<Result> {
    const channel = this.#channels.find(name);
    return channel === undefined ? RESOLVED_OK : this.close(channel, signal);
  }

  /** Closes a channel. Resolves when both sides have closed it. */
  close(channel: Channel, signal?: AbortSignal): Promise<Result> {
    if (channel.name === undefined) return Promise.resolve(defaultChannelStays());
    if (signal?.aborted === true) return Promise.resolve(closeNotAwaited(signal));
    if (this.#peer === undefined || channel.isOver || !(channel.isOpen || channel.isClosing)) return RESOLVED_OK;
    if (!this.#canClose) {
      return Promise.resolve(err('NotSupported', "the peer's release can't close channels; this one stays open"));
    }
    const closed = this.#whenClosed(channel, signal);
    if (channel.isOpen) this.#queue.close(channel.outgoing);
    return closed;
  }

  /** Gives the channel an id of this side and announces it to the peer. Returns whether the link still stands. */
  announce(channel: Channel): boolean {
    if (this.#peer === undefined) return false;
    this.#channels.open(channel, this.#peer.channelWindow);
    this.#onOpened(channel);
    this.#queue.control.announce(channel.outgoing);
    this.#queue.pump();
    // The transport may have found the link broken while it wrote.
    return (this.#peer as PeerLimits | undefined) !== undefined;
  }

  /** Ends all messages that wait on a channel of this side, because the peer refused the channel. */
  onRefused(channel: Channel): void {
    const refused = this.#channels.replaceOutgoing(channel);
    this.#queue.abandon(refused);
    // The id is free again after the peer has acknowledged the close.
    if (this.#canClose && refused.phase === 'open') this.#queue.close(refused);
    // A close that waited behind the messages of this side goes now.
    else this.#queue.pump();
    settleWaiters(channel, 'accepted');
  }

  /** Refuses the id of the peer. */
  refuse(id: number): void {
    this.#say(FrameType.ChannelRefuse, id);
  }

  /**
   * Handles the peer's close of its id. The peer may use the id again after it received the acknowledgement.
   * @param channel undefined if this side had refused the id
   */
  onPeerClosed(id: number, channel: Channel | undefined): void {
    if (channel !== undefined) {
      this.#queue.control.forgetCredit(channel.incoming);
      if (channel.isOpen) {
        this.#queue.giveUp(channel.outgoing, 'channel-closed');
        this.#queue.close(channel.outgoing);
      }
    }
    this.#say(FrameType.ChannelClosed, id);
    if (channel !== undefined) this.#finishIfDone(channel);
  }

  /** The peer acknowledged a close of this side. Returns false if this side sent none. */
  onAcknowledged(id: number): boolean {
    const half = this.#channels.outgoing(id);
    if (half?.phase !== 'closed') return false;
    this.#channels.endOutgoing(half);
    if (half.channel.outgoing === half) this.#finishIfDone(half.channel);
    return true;
  }

  #open(channel: Channel, signal: AbortSignal | undefined): Promise<Result> | Result {
    const peer = this.#peer;
    if (peer === undefined) return notConnected();
    if (!channel.isOpen) {
      const refusal = this.#refusalOf(peer);
      if (refusal !== undefined) return refusal;
      if (!this.announce(channel)) return notConnected();
    }
    const half = channel.outgoing;
    if (half.isAnnounced) return OK;
    return new Promise((resolve) => {
      const onAbort = (): void => {
        stopWaiting();
        resolve(openNotAwaited(signal));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const stopWaiting = this.#queue.control.onAnnounced(half, (wasAnnounced) => {
        signal?.removeEventListener('abort', onAbort);
        resolve(wasAnnounced ? OK : notConnected());
      });
    });
  }

  #refusalOf(peer: PeerLimits): Failure | undefined {
    const limit = Math.min(this.#limits.maxChannels, peer.maxChannels);
    if (this.#channels.openCount >= limit || !this.#channels.hasFreeId) {
      return err(
        'ResourceLimitExceeded',
        `${limit} named channels are open already; the smaller maxChannels of the two sides allows no more`,
      );
    }
    if (!this.#channels.closed.isFull) return undefined;
    return err(
      'ResourceLimitExceeded',
      `${this.#channels.closed.unreadBytes} bytes wait unread on closed channels: read them before opening another`,
    );
  }

  #whenClosed(channel: Channel, signal: AbortSignal | undefined): Promise<Result> {
    return new Promise((resolve) => {
      const settle = (result: Result): void => {
        stopLimit();
        signal?.removeEventListener('abort', onAbort);
        channel.closeWaiters?.delete(waiter);
        resolve(result);
      };
      const waiter = (outcome: SendOutcome): void => {
        settle(resultOf(outcome));
      };
      const onAbort = (): void => {
        settle(closeNotAwaited(signal));
      };
      const { sendTimeoutMs } = this.#limits;
      const stopLimit = startLimit(() => {
        settle(
          err(
            'Timeout',
            `${shownChannel(channel.name)} was not closed by both sides within ${sendTimeoutMs} ms ` +
              '(sendTimeoutMs); it closes as soon as the peer takes what was sent before',
          ),
        );
      }, sendTimeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      (channel.closeWaiters ??= new Set()).add(waiter);
    });
  }

  #say(type: FrameType, id: number): void {
    this.#queue.control.push(type, id);
    this.#queue.pump();
  }

  #finishIfDone(channel: Channel): void {
    if (!channel.isFinished || channel.isOver) return;
    this.#channels.finish(channel);
    settleWaiters(channel, 'accepted');
  }
}

function settleWaiters(channel: Channel, outcome: SendOutcome): void {
  const waiters = channel.closeWaiters;
  channel.closeWaiters = undefined;
  for (const waiter of waiters ?? []) waiter(outcome);
}

function resultOf(outcome: SendOutcome): Result {
  if (outcome === 'accepted') return OK;
  return outcome === 'peer-died'
    ? err('PeerDied', 'the peer died before the channel was closed')
    : err('ConnectionClosed', 'the connection ended before the channel was closed');
}
