import type { ConnectionEvents } from '../api/connection-events.js';
import type { CloseReason, ConnectionState } from '../api/connection-types.js';
import type { ChannelEndpoint, EndpointHost } from '../channels/channel-endpoint.js';
import { outcomeOf, type Channel as ChannelState } from '../channels/channel.js';
import { ChannelTable } from '../channels/channel-table.js';
import { MessageReceiver } from '../channels/message-receiver.js';
import { MessageSender } from '../channels/message-sender.js';
import { claimTransferred } from '../channels/refusals.js';
import type { ResolvedConnectionConfig } from '../config/connection-config.js';
import {
  backpressureReporter,
  type ReportedConnection,
  reportAccepted,
  reportTransition,
} from '../diagnostics/diagnostics.js';
import { monotonicNow } from '../platform/clock.js';
import { warnOf } from '../platform/warning.js';
import { describeThrown } from '../result/describe-thrown.js';
import { NetworkError } from '../result/network-error.js';
import { err, OK, RESOLVED_OK, type Result } from '../result/result.js';
import type { FrameLink } from '../wire/frame-link.js';
import { checkedLink } from './checked-link.js';
import { ConnectionChannels } from './connection-channels.js';
import { type EarlyEnd, within } from './deadline.js';
import { GuardedEmitter } from './guarded-emitter.js';
import { Lifecycle, type LifecycleHooks } from './lifecycle.js';

const EVENTS: readonly (keyof ConnectionEvents)[] = [
  'state',
  'message',
  'channel',
  'drain',
  'error',
  'unresponsive',
  'responsive',
];

/** The events that wait for their first listener, also after the program has set its callbacks. */
const CHANNEL_EVENT = ['channel'] as const;
/** The events of an accepted connection that wait until it starts to receive. */
const STATE_EVENTS = ['state', 'unresponsive', 'responsive'] as const;
const KEPT_EVENTS = [...CHANNEL_EVENT, ...STATE_EVENTS] as const;

/** The actions of a connection's transport. */
export interface LinkHooks {
  connect(signal: AbortSignal): Promise<Result<FrameLink>>;
  startReceiving(): void;
  disconnect(): Promise<void>;
  release(): void;
  /**
   * The peer broke the protocol, or this side lacks memory for its message. The transport may report that to the peer
   * before the connection fails.
   */
  violated(error: NetworkError): void;
  isDisposed(): boolean;
  isShuttingDown(): boolean;
}

/** The parts of one connection, and their changes during its life. */
export class ConnectionCore implements EndpointHost, LifecycleHooks<FrameLink> {
  readonly events = new GuardedEmitter<ConnectionEvents>(EVENTS);
  readonly guard = this.events.guard;
  readonly table: ChannelTable;
  readonly sender: MessageSender;
  readonly receiver: MessageReceiver;
  readonly channels: ConnectionChannels;
  readonly lifecycle: Lifecycle<FrameLink>;
  readonly wasAccepted: boolean;
  readonly deadline: LifecycleHooks<FrameLink>['deadline'];
  readonly #connection: ReportedConnection;
  readonly #config: ResolvedConnectionConfig;
  readonly #link: LinkHooks;
  #isLinked = false;
  #isReceiving = false;
  #isUnresponsive = false;
  /** Resolves when the messages that `trySend` accepted are written, or can't be written any more. */
  #flushed: Promise<Result> = RESOLVED_OK;

  constructor(
    connection: ReportedConnection,
    config: ResolvedConnectionConfig,
    accepted: FrameLink | undefined,
    link: LinkHooks,
  ) {
    this.#connection = connection;
    this.#config = config;
    this.#link = link;
    this.wasAccepted = accepted !== undefined;
    const { connectTimeoutMs: timeoutMs } = config;
    this.deadline = {
      timeoutMs,
      describe: () => `no connection to ${connection.endpoint} within ${timeoutMs} ms (connectTimeoutMs)`,
    };
    this.table = new ChannelTable(config);
    this.lifecycle = new Lifecycle(this.wasAccepted ? 'connected' : 'disconnected', this);
    this.sender = new MessageSender(this.table, config, {
      onOpened: ({ name }) => {
        if (name !== undefined) this.channels.opened(name);
      },
      onDrain: (channel) => {
        this.channels.drained(channel);
        this.events.emit('drain', channel.name);
      },
      onBackpressure: backpressureReporter(connection),
      onLost: () => {
        link.violated(claimTransferred());
        return false;
      },
    });
    this.receiver = new MessageReceiver(this.table, config, this.guard, this.sender, {
      onViolation: (error) => {
        link.violated(error);
      },
      onShortage: (error) => {
        // After the end no state can tell the program that messages were dropped.
        if (this.isConnected) link.violated(error);
        else this.events.emitError(error);
      },
      onChannelOpened: (name) => {
        this.events.emit('channel', name);
      },
      onChannelClosed: (channel) => {
        this.events.forgetUnheard('channel', ([name]) => name === channel.name);
        this.channels.closed(channel);
      },
      onChannelRefused: (error) => {
        this.events.emitError(error);
      },
    });
    this.channels = new ConnectionChannels(this.table, this);
    this.events.keepUnheard(accepted === undefined ? CHANNEL_EVENT : KEPT_EVENTS);
    if (accepted !== undefined) {
      this.established(accepted);
      reportAccepted(connection);
    }
  }

  get isConnected(): boolean {
    return this.lifecycle.state === 'connected';
  }

  get closeReason(): CloseReason | undefined {
    return this.lifecycle.closeReason;
  }

  get channelWindow(): number {
    return this.#config.channelWindow;
  }

  /** Begins to receive. If the transport throws, the connection fails: it would never receive anything. */
  startReceiving(): void {
    if (this.#isReceiving || !this.#isLinked) return;
    this.#isReceiving = true;
    // The program has set its callbacks. Only an opened channel may be reported later, because it stays open.
    this.events.dropUnheard(STATE_EVENTS);
    try {
      this.#link.startReceiving();
    } catch (error) {
      const sentence = `receiving failed: ${describeThrown(error)}`;
      this.#link.violated(new NetworkError('TransportUnavailable', sentence, error));
    }
  }

  async openChannel({ state }: ChannelEndpoint, signal: AbortSignal | undefined): Promise<Result> {
    const name = state.name;
    // The default channel is open as long as the connection stands.
    if (name === undefined) return this.isConnected ? OK : this.sender.noChannel('');
    const opening = this.sender.lifecycle.open(name, signal);
    // The channel may have been open before.
    this.channels.opened(name);
    return opening;
  }

  closeChannel(state: ChannelState, signal: AbortSignal | undefined): Promise<Result> {
    return this.sender.lifecycle.close(state, signal);
  }

  /** Reports a change, once. */
  reportResponsiveness(isResponsive: boolean): void {
    if (!this.isConnected || this.#isUnresponsive === !isResponsive) return;
    this.#isUnresponsive = !isResponsive;
    this.events.emit(isResponsive ? 'responsive' : 'unresponsive');
  }

  mayConnect(): Result {
    if (this.wasAccepted)
      return err('NotSupported', 'a server accepted this connection: only its client can connect again');
    if (this.#link.isDisposed()) return err('ConnectionClosed', 'the connection was disposed');
    return OK;
  }

  starting(): void {
    if (!this.#link.isShuttingDown()) this.guard.open();
    this.channels.linkStarting(this.closeReason);
    this.events.dropUnheard(CHANNEL_EVENT);
    this.events.keepUnheard(CHANNEL_EVENT);
  }

  async establish(signal: AbortSignal): Promise<Result<FrameLink>> {
    return checkedLink(await this.#link.connect(signal));
  }

  established(link: FrameLink): void {
    this.sender.start(link);
    this.receiver.start(link);
    this.#isLinked = true;
    this.#isReceiving = false;
    this.#isUnresponsive = false;
  }

  connected(): void {
    this.startReceiving();
  }

  discard(): void {
    this.#releaseLink();
  }

  leaving(): void {
    this.receiver.stopDelivering();
    this.#flushed = this.sender.finish('closed').then(() => OK);
  }

  async farewell(early: EarlyEnd): Promise<Result> {
    // First the messages that `trySend` accepted go, while the peer takes them, then the goodbye. Both have one
    // deadline.
    const end = monotonicNow() + this.#config.sendTimeoutMs;
    const waited = await within(this.#flushed, this.#config.sendTimeoutMs, early);
    try {
      const goodbye = this.#link.disconnect().then(() => OK);
      const said = await within(goodbye, Math.max(0, end - monotonicNow()), early);
      const isAborted = waited === 'aborted' || said === 'aborted';
      return isAborted
        ? err('Aborted', 'disconnect() was aborted before the peer answered the goodbye', early.reason)
        : OK;
    } catch (error) {
      const reason = describeThrown(error);
      return err('ConnectionClosed', `the connection ended without a goodbye to the peer: ${reason}`, error);
    }
  }

  peerGone(error: NetworkError | undefined): void {
    this.sender.stop(error === undefined ? 'closed' : outcomeOf(error));
  }

  release(error: NetworkError | undefined): void {
    this.#isLinked = false;
    this.sender.stop(error === undefined ? 'closed' : outcomeOf(error));
    this.receiver.stop();
    this.#releaseLink();
  }

  report(state: ConnectionState, error: NetworkError | undefined): void {
    reportTransition(this.#connection, state, error);
    this.events.emit('state', state, error);
  }

  isFinal(): boolean {
    return true;
  }

  ended(): void {
    this.channels.connectionEnded();
  }

  left(): void {
    this.guard.close();
  }

  /** The connection ends even if its transport can't free everything. Then a warning of the process has the reason. */
  #releaseLink(): void {
    try {
      this.#link.release();
    } catch (error) {
      const sentence = `releasing the link of '${this.#connection.endpoint}' failed: ${describeThrown(error)}`;
      warnOf(new NetworkError('TransportUnavailable', sentence, error));
    }
  }
}
