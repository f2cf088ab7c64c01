import type { CloseReason } from '../api/connection-types.js';
import type { CallbackGuard } from '../lifecycle/callback-guard.js';
import { runAsMicrotask } from '../platform/clock.js';
import { err, type Result } from '../result/result.js';
import type { Channel as ChannelState } from './channel.js';
import { checkUntaken, type Lease, type LeaseHolder } from './consumer-lease.js';
import type { MessageReceiver } from './message-receiver.js';
import type { MessageSender } from './message-sender.js';

/** What a channel asks of the connection that it belongs to. */
export interface EndpointHost {
  readonly sender: MessageSender;
  readonly receiver: MessageReceiver;
  readonly guard: CallbackGuard;
  /** How the connection ended; undefined while it has not. */
  readonly closeReason: CloseReason | undefined;
  readonly isConnected: boolean;
  /** How many bytes may wait unread on a channel. */
  readonly channelWindow: number;
  startReceiving(): void;
  openChannel(endpoint: ChannelEndpoint, signal: AbortSignal | undefined): Promise<Result>;
  closeChannel(state: ChannelState, signal: AbortSignal | undefined): Promise<Result>;
}

/** A channel object that follows its channel's events. */
export interface EndpointWatcher {
  onDrain(): void;
  onClosed(): void;
}

/**
 * One channel of one connection: its state, who takes its messages, and the channel objects that stand for it: the
 * connection's own and, where a manager has the connection, the handle's.
 */
export class ChannelEndpoint implements LeaseHolder {
  readonly host: EndpointHost;
  /** The host's, one look nearer: each message asks for it. */
  readonly sender: MessageSender;
  /** Changed by `rebind` alone. */
  state: ChannelState;
  readonly watchers = new Set<EndpointWatcher>();
  #lease: Lease | undefined;
  /** Loops over `messages()` that have begun and not ended: between two of their steps they hold no lease. */
  #loops = 0;
  /** Set when the channel was closed while the connection stands. */
  #closeReason: CloseReason | undefined;

  constructor(state: ChannelState, host: EndpointHost) {
    this.state = state;
    this.host = host;
    this.sender = host.sender;
    state.isShared = true;
  }

  /** The name is open anew, after another channel of that name was closed. */
  rebind(state: ChannelState): void {
    if (state === this.state) return;
    const lease = this.#lease;
    this.host.receiver.setCallback(this.state, null, 'copy');
    this.state = state;
    state.isShared = true;
    if (lease !== undefined) this.leaseChanged(lease);
  }

  async open(signal: AbortSignal | undefined): Promise<Result> {
    if (this.#closeReason !== undefined) {
      return err('ConnectionClosed', 'this channel was closed: channel(name) gives the next one of its name');
    }
    return this.host.openChannel(this, signal);
  }

  get isOpen(): boolean {
    return this.host.isConnected && this.state.isOpen;
  }

  /** Throws a `NetworkError` (`AlreadyExists`) where a consumer of that kind can't take the messages. */
  checkUntaken(isCallback: boolean): void {
    checkUntaken(this.#lease, this.state.name, isCallback);
  }

  /** Makes the lease the channel's consumer; a callback's takes the place of another callback's. */
  install(lease: Lease): void {
    this.checkUntaken(lease.isCallback);
    this.#lease?.release();
    this.#lease = lease;
    lease.bind(this);
    this.leaseChanged(lease);
  }

  loopBegan(): void {
    this.#loops += 1;
  }

  loopEnded(): void {
    this.#loops -= 1;
  }

  /** Bytes of the window that messages hold which nobody has read; 0 where there are none, and once this side has ended. */
  get unreadBytes(): number {
    const { parked, outstanding } = this.state.incoming;
    return parked.length > 0 && this.host.receiver.isDelivering ? outstanding : 0;
  }

  /** Takes out the messages that nobody reads; none where a consumer, or a loop that has begun, still does. */
  takeUnread(): Uint8Array[] {
    if (this.#lease !== undefined || this.#loops > 0) return [];
    return this.host.receiver.takeUnread(this.state);
  }

  leaseChanged(lease: Lease): void {
    if (lease !== this.#lease) return;
    this.host.receiver.setCallback(this.state, lease.isPaused ? null : lease.deliver, lease.ownership);
    this.#endWhenDrained();
  }

  leaseReleased(lease: Lease): void {
    if (lease !== this.#lease) return;
    this.#lease = undefined;
    this.host.receiver.setCallback(this.state, null, 'copy');
  }

  leaseFailed(error: unknown): void {
    this.host.guard.fail(error);
  }

  /** The connection ended, and its state was changed. */
  connectionEnded(): void {
    this.#endWhenDrained();
  }

  /** A new link is about to stand: what was kept of the old one is dropped, and its consumers end. */
  linkStarting(lastEnd: CloseReason | undefined): void {
    this.state.incoming.parked.clear();
    const lease = this.#lease;
    if (lastEnd !== undefined && lease !== undefined && !lease.isCallback) lease.end(lastEnd);
  }

  /** Either side closed the channel. */
  channelClosed(): void {
    this.#closeReason = { state: 'disconnected' };
    this.#endWhenDrained();
    for (const watcher of [...this.watchers]) watcher.onClosed();
  }

  /** A sender may go on. */
  drained(): void {
    for (const watcher of [...this.watchers]) watcher.onDrain();
  }

  /** Ends the consumer when it has taken what had arrived: that is delivered from a microtask that is queued already. */
  #endWhenDrained(): void {
    if (!this.#isOver) return;
    runAsMicrotask(() => {
      const lease = this.#lease;
      const reason = this.host.closeReason ?? this.#closeReason;
      if (lease === undefined || lease.isCallback || lease.isPaused || reason === undefined) return;
      if (this.state.incoming.parked.length > 0 && this.host.receiver.isDelivering) return;
      lease.end(reason);
    });
  }

  get #isOver(): boolean {
    return this.host.closeReason !== undefined || this.#closeReason !== undefined;
  }
}
