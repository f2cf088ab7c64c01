import { err, OK, RESOLVED_OK, type Failure, type Result } from '../result/result.js';
import { FrameType } from '../wire/frame.js';
import { Capability, type PeerLimits } from '../wire/peer-limits.js';
import { startTimer, stopTimer } from '../platform/clock.js';
import type { Channel } from './channel.js';
import { shownChannel } from './channel-name.js';
import type { ChannelTable } from './channel-table.js';
import type { SendOutcome } from './message-line.js';
import { closeNotAwaited, notConnected, openNotAwaited } from './refusals.js';
import type { SendQueue } from './send-queue.js';

/** What the opening and closing of channels needs to know of the configuration. */
export interface LifecycleLimits {
  readonly maxChannels: number;
  readonly sendTimeoutMs: number;
}

/**
 * Opening and closing channels. Each side says for itself that it sends nothing more (`ChannelClose`), and acknowledges
 * what the other says (`ChannelClosed`): after that, no frame that means the old channel can still be on its way, and both
 * its ids are free.
 */
export class ChannelLifecycle {
  readonly #channels: ChannelTable;
  readonly #queue: SendQueue;
  readonly #limits: LifecycleLimits;
  /** Said about channels and not written yet: an honest peer can't cause more than a few for each channel that may be open. */
  readonly #maxWaiting: number;
  /** Set while the link stands and this side does not end it. */
  #peer: PeerLimits | undefined;
  /** Whether the peer understands that a channel is closed. */
  #canClose = false;

  constructor(channels: ChannelTable, queue: SendQueue, limits: LifecycleLimits) {
    this.#channels = channels;
    this.#queue = queue;
    this.#limits = limits;
    this.#maxWaiting = 4 * limits.maxChannels + 64;
  }

  start(peer: PeerLimits): void {
    this.#peer = peer;
    this.#canClose = ((peer.capabilities ?? 0) & Capability.ChannelClose) !== 0;
  }

  /** Nothing is opened or closed any more; calls that wait for a close end. */
  stop(outcome: SendOutcome): void {
    this.#peer = undefined;
    for (const channel of this.#channels.all()) settleWaiters(channel, outcome);
  }

  /** Whether the peer understands that a channel is closed. */
  get canClose(): boolean {
    return this.#canClose;
  }

  /** Whether the peer makes this side say more about channels than it takes. */
  get isFlooded(): boolean {
    return this.#queue.control.length > this.#maxWaiting;
  }

  /** Opens the channel of that name and announces it to the peer; resolves when the transport has taken that frame. */
  async open(name: string, signal?: AbortSignal): Promise<Result> {
    if (signal?.aborted === true) return openNotAwaited(signal);
    const channel = this.#channels.obtainLive(name);
    if (!channel.isClosing) return this.#open(channel, signal);
    // The peer must have seen the end of the old channel before it sees the new one.
    const closed = await this.#whenClosed(channel, signal);
    return closed.ok ? this.open(name, signal) : closed;
  }

  /** Closes the channel of that name; ok where none is open. */
  closeNamed(name: string, signal?: AbortSignal): Promise<Result> {
    const channel = this.#channels.find(name);
    return channel === undefined ? RESOLVED_OK : this.close(channel, signal);
  }

  /** Closes a channel; resolves when both sides have. */
  close(channel: Channel, signal?: AbortSignal): Promise<Result> {
    if (channel.name === undefined) {
      return Promise.resolve(err('InvalidParameter', 'the default channel lasts as long as the connection'));
    }
    if (signal?.aborted === true) return Promise.resolve(closeNotAwaited(signal));
    if (this.#peer === undefined || channel.isOver || !(channel.isOpen || channel.isClosing)) return RESOLVED_OK;
    if (!this.#canClose) {
      return Promise.resolve(err('NotSupported', "the peer's release can't close channels; this one stays open"));
    }
    const closed = this.#whenClosed(channel, signal);
    if (channel.isOpen) this.#queue.close(channel.outgoing);
    return closed;
  }

  /** Gives the channel an id of this side and tells the peer. */
  announce(channel: Channel): void {
    if (this.#peer === undefined) return;
    this.#channels.open(channel, this.#peer.channelWindow);
    this.#queue.control.announce(channel.outgoing);
    this.#queue.pump();
  }

  /** The peer refused a channel that this side announced: what waits on it ends. */
  onRefused(channel: Channel): void {
    const refused = this.#channels.replaceOutgoing(channel);
    this.#queue.abandon(refused);
    // Its id comes back when the peer has let go of it.
    if (this.#canClose && refused.phase === 'open') this.#queue.close(refused);
    settleWaiters(channel, 'accepted');
  }

  /** Tells the peer that it may not use its id. */
  refuse(id: number): void {
    this.#say(FrameType.ChannelRefuse, id);
  }

  /**
   * The peer sends nothing more under its id, which it may use again once it knows that this side knows.
   * @param channel undefined where this side had refused the id
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

  /** The peer acknowledged a close of this side; false where there was none. */
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
      this.announce(channel);
    }
    const half = channel.outgoing;
    if (half.isAnnounced) return OK;
    return new Promise((resolve) => {
      const onAbort = (): void => {
        resolve(openNotAwaited(signal));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#queue.control.onAnnounced(half, (wasAnnounced) => {
        signal?.removeEventListener('abort', onAbort);
        resolve(wasAnnounced ? OK : notConnected());
      });
    });
  }

  #refusalOf(peer: PeerLimits): Failure | undefined {
    const limit = Math.min(this.#limits.maxChannels, peer.maxChannels);
    if (this.#channels.openCount >= limit || !this.#channels.hasFreeId) {
      return err('ResourceLimitExceeded', `${limit} named channels are open already, the limit of this connection`);
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
        stopTimer(timer);
        signal?.removeEventListener('abort', onAbort);
        resolve(result);
      };
      const onAbort = (): void => {
        settle(closeNotAwaited(signal));
      };
      const { sendTimeoutMs } = this.#limits;
      const timer = startTimer(() => {
        settle(
          err(
            'Timeout',
            `${shownChannel(channel.name)} was not closed by both sides within ${sendTimeoutMs} ms ` +
              '(sendTimeoutMs); it closes as soon as the peer takes what was sent before',
          ),
        );
      }, sendTimeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      (channel.closeWaiters ??= []).push((outcome) => {
        settle(resultOf(outcome));
      });
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
