import type { CloseReason } from '../api/connection-types.js';
import type { CallbackGuard } from '../lifecycle/callback-guard.js';
import { runAsMicrotask } from '../platform/clock.js';
import { err, type Result } from '../result/result.js';
import type { Channel as ChannelState } from './channel.js';
import { checkUntaken, type Lease, type LeaseHolder } from './consumer-lease.js';
import type { MessageReceiver } from './message-receiver.js';
import type { MessageSender } from './message-sender.js';

/** The functions and values of a connection that its channels use. */
export interface EndpointHost {
  readonly sender: MessageSender;
  readonly receiver: MessageReceiver;
  readonly guard: CallbackGuard;
  /** The reason why the connection ended; undefined while the connection stands. */
  readonly closeReason: CloseReason | undefined;
  readonly isConnected: boolean;
  /** The largest number of unread bytes on a channel. */
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
 * One channel of one connection: its state, its consumer, and the channel objects that stand for it. These are the
 * object of the connection and, if a manager owns the connection, the object of the handle.
 */
export class ChannelEndpoint implements LeaseHolder {
  readonly host: EndpointHost;
  /** The sender of the host. Every message reads it, and a field of its own saves one lookup. */
  readonly sender: MessageSender;
  /** Only `rebind` changes it. */
  state: ChannelState;
  readonly watchers = new Set<EndpointWatcher>();
  /** Whether the program has an object of this channel. Calls by name make objects that the program does not get. */
  isGiven = false;
  #lease: Lease | undefined;
  /** The number of `messages()` loops that have begun and not ended. Between two steps a loop holds no lease. */
  #loops = 0;
  /** Set when the channel was closed and the connection stands. */
  #closeReason: CloseReason | undefined;

  constructor(state: ChannelState, host: EndpointHost) {
    this.state = state;
    this.host = host;
    this.sender = host.sender;
    state.isShared = true;
  }

  /** Takes the state of a new channel of this name. The old channel was closed. */
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

  /** Throws a `NetworkError` (`AlreadyExists`) if a consumer of that kind can't take the messages. */
  checkUntaken(isCallback: boolean): void {
    checkUntaken(this.#lease, this.state.name, isCallback);
  }

  /** Makes the lease the channel's consumer. The lease of a callback replaces that of another callback. */
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

  /** Whether it has unread messages to which only its name leads: the program has no object of it, and reads none. */
  get isReadByName(): boolean {
    return this.state.incoming.parkedCount > 0 && !this.isGiven && this.#lease === undefined && this.#loops === 0;
  }

  /** The window bytes of the unread messages. 0 if there are none, or if this side has ended the connection. */
  get unreadBytes(): number {
    const { parkedCount, held } = this.state.incoming;
    // This side owes the window of the messages that were read.
    return parkedCount > 0 && this.host.receiver.isDelivering ? held : 0;
  }

  /**
   * Removes and returns the unread messages. Returns none while a consumer, or a loop that has begun, reads them. They do
   * not count as received: the caller calls `countRead` for each that a consumer gets.
   */
  takeUnread(): Uint8Array[] {
    if (this.#lease !== undefined || this.#loops > 0) return [];
    const { receiver } = this.host;
    const { messagesReceived, bytesReceived } = receiver;
    const messages = receiver.takeUnread(this.state);
    receiver.messagesReceived = messagesReceived;
    receiver.bytesReceived = bytesReceived;
    return messages;
  }

  /** A consumer gets a message that `takeUnread` returned. */
  countRead(message: Uint8Array): void {
    const { receiver } = this.host;
    receiver.messagesReceived += 1;
    receiver.bytesReceived += message.length;
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

  /** The connection has ended and has changed its state. */
  connectionEnded(): void {
    this.#endWhenDrained();
  }

  /** A new link is about to stand. Drops the unread frames of the old link and ends its consumers. */
  linkStarting(lastEnd: CloseReason | undefined): void {
    this.state.incoming.dropParked();
    const lease = this.#lease;
    if (lastEnd !== undefined && lease !== undefined && !lease.isCallback) lease.end(lastEnd);
  }

  /** Either side closed the channel. */
  channelClosed(): void {
    this.#closeReason = { state: 'disconnected' };
    this.#endWhenDrained();
    for (const watcher of [...this.watchers]) watcher.onClosed();
  }

  /** A sender may send again. */
  drained(): void {
    for (const watcher of [...this.watchers]) watcher.onDrain();
  }

  /**
   * Ends the consumer after it has taken the messages that had arrived. A microtask that is already queued delivers
   * those.
   */
  #endWhenDrained(): void {
    if (!this.#isOver) return;
    runAsMicrotask(() => {
      const lease = this.#lease;
      const reason = this.host.closeReason ?? this.#closeReason;
      if (lease === undefined || lease.isCallback || lease.isPaused || reason === undefined) return;
      if (this.state.incoming.parkedCount > 0 && this.host.receiver.isDelivering) return;
      lease.end(reason);
    });
  }

  get #isOver(): boolean {
    return this.host.closeReason !== undefined || this.#closeReason !== undefined;
  }
}
