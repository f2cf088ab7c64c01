import { EntropyObject } from '../object/entropy-object.js';
import { backpressureReporter, reportAccepted, reportTransition } from '../diagnostics/diagnostics.js';
import { NetworkError } from '../result/network-error.js';
import { err, OK, unwrap, type Result } from '../result/result.js';
import { redactEndpoint } from '../result/redact.js';
import { checkCallback, isAsyncFunction } from './callback-guard.js';
import { type Channel, outcomeOf } from '../channels/channel.js';
import { checkChannelName } from '../channels/channel-name.js';
import { ChannelTable } from '../channels/channel-table.js';
import { type ConnectionConfig, resolveOwnConfig, type ResolvedConnectionConfig } from '../config/connection-config.js';
import type { ConnectionEvents } from '../api/connection-events.js';
import type { ConnectionPeer } from '../api/connection-peer.js';
import { statsOf } from '../api/connection-stats.js';
import { EventHub } from './event-hub.js';
import type {
  ConnectionBackend,
  ConnectionState,
  ConnectionStats,
  ConnectionType,
  MessageCallback,
  MessageCallbackOptions,
  MessagesOptions,
  StateCallback,
  UnconfirmedSends,
} from '../api/connection-types.js';
import type { FrameLink } from '../wire/frame-link.js';
import { frameHeader, FrameType } from '../wire/frame.js';
import { MessageIterator } from '../channels/message-iterator.js';
import { MessageReceiver } from '../channels/message-receiver.js';
import { MessageSender } from '../channels/message-sender.js';
import type { SendClaim } from '../api/send-claim.js';
import { ConnectionStateMachine } from './state-machine.js';
import { hold, settledWithin, withDeadline } from './with-deadline.js';

/**
 * One connection to one peer, the same on every transport. All semantics live here; a transport supplies the hooks
 * `do…` and reports upwards through `on…`; `docs/writing-a-transport.md` describes each. Operations return a `Result` and
 * never throw for operational failures; a wrong argument type throws a `TypeError`.
 */
export abstract class NetworkConnection extends EntropyObject {
  /** The checked configuration. */
  protected readonly config: ResolvedConnectionConfig;

  readonly #states: ConnectionStateMachine;
  readonly #channels: ChannelTable;
  readonly #default: Channel;
  readonly #events = new EventHub();
  readonly #sender: MessageSender;
  readonly #receiver: MessageReceiver;
  readonly #wasAccepted: boolean;
  #stateCallback: StateCallback | null = null;
  #isLinked = false;
  #isReceiving = false;
  #isShuttingDown = false;
  #connecting: { promise: Promise<Result>; controller: AbortController } | undefined;
  #disconnecting: Promise<Result> | undefined;

  /**
   * @param config checked here; throws a `NetworkError` (`InvalidParameter`) that names what is wrong
   * @param accepted the link of a connection that a server accepted: it starts `connected` and can't be dialled again
   */
  protected constructor(config: ConnectionConfig, accepted?: FrameLink) {
    super();
    this.config = unwrap(resolveOwnConfig(config));
    // It holds secrets, which `console.log(connection)` must not show.
    Object.defineProperty(this, 'config', { enumerable: false });
    this.#wasAccepted = accepted !== undefined;
    this.#channels = new ChannelTable(this.config);
    this.#default = this.#channels.defaultChannel;
    this.#states = new ConnectionStateMachine(this.#wasAccepted ? 'connected' : 'disconnected', (state, error) => {
      this.#reportState(state, error);
    });
    this.#sender = new MessageSender(this.#channels, this.config, {
      onDrain: (channel) => this.#events.emit('drain', channel.name),
      onBackpressure: backpressureReporter(this),
    });
    this.#receiver = new MessageReceiver(this.#channels, this.config, this.#events.guard, this.#sender, {
      onViolation: (error) => this.onStateChanged('failed', error),
      onChannelOpened: (name) => this.#events.emit('channel', name),
      onChannelRefused: (error) => this.#events.emitError(error),
      onMessageEvent: (data) => this.#events.emit('message', data),
      onChannelClosed: () => undefined,
    });
    if (accepted !== undefined) this.#link(accepted);
  }

  /** Connects. Ok when connected already; the same outcome as a `connect()` under way. See `docs/errors.md` for codes. */
  async connect(options?: { signal?: AbortSignal }): Promise<Result> {
    if (this.#states.state === 'connected') return OK;
    if (this.#connecting !== undefined) return this.#connecting.promise;
    if (this.#states.state === 'disconnecting') {
      await this.disconnect();
      return this.connect(options);
    }
    if (this.#wasAccepted) return err('NotSupported', 'an accepted connection can only be made again by its client');
    if (this.refCount() === 0) return err('ConnectionClosed', 'the connection was disposed');
    const controller = new AbortController();
    // Held before anything is reported, so that a callback that connects or disconnects finds it.
    return hold(
      (promise) => (this.#connecting = { promise, controller }),
      () => this.#runConnecting(controller, options?.signal),
    );
  }

  /**
   * Ends the connection. Every message whose `send` resolved ok reaches the peer first; sends that still wait end with
   * `ConnectionClosed` and do not delay it. No callback starts after it resolved. Idempotent. `ConnectionClosed`: no goodbye;
   * `Aborted`: the first call's signal ended the wait, and what the peer had not taken is lost.
   */
  disconnect(options?: { signal?: AbortSignal }): Promise<Result> {
    if (this.#disconnecting !== undefined) return this.#disconnecting;
    return hold(
      (promise) => (this.#disconnecting = promise),
      () => this.#runDisconnecting(options?.signal),
    );
  }

  /**
   * Sends one message; resolves when the transport has accepted it whole, in order. The bytes may be used again at once.
   * Not delivered: `Timeout`, `Aborted`, `MessageTooLarge`, `ResourceLimitExceeded`, `ConnectionClosed`, `PeerDied`.
   */
  send(data: Uint8Array, options?: { signal?: AbortSignal }): Promise<Result> {
    return this.#sender.send(this.#default, data, options?.signal);
  }

  /** Sends one message now or not at all. `WouldBlock`: nothing was queued, `drain` follows. */
  trySend(data: Uint8Array): Result {
    return this.#sender.trySend(this.#default, data);
  }

  /**
   * `trySend` for several messages; cheaper than one by one. A wrong type throws before anything is sent.
   * @returns how many were taken, from the first on; if not all, as `trySend` of the next. An error where that is the first.
   */
  trySendBatch(messages: readonly Uint8Array[], options?: { channel?: string }): Result<number> {
    const channel = options?.channel === undefined ? this.#default : this.#channels.find(options.channel);
    return channel === undefined
      ? this.#sender.noChannel(options?.channel)
      : this.#sender.trySendBatch(channel, messages);
  }

  /** Sends without the promise of delivery where the transport can; otherwise exactly as `send` (see its capabilities). */
  sendUnreliable(data: Uint8Array): Promise<Result> {
    return this.send(data);
  }

  /** As `Channel.claim`, on the default channel: room inside the transport, for sending without a copy. */
  claim(length: number): Result<SendClaim> {
    return this.#sender.claim(this.#default, length);
  }

  /** Whether the state is `connected`. */
  isConnected(): boolean {
    return this.#states.state === 'connected';
  }

  /** Where the connection is in its life. */
  getState(): ConnectionState {
    return this.#states.state;
  }

  /** Whether the peer is on this machine (`local`) or may be on another (`remote`). */
  abstract getType(): ConnectionType;

  /** The name of the transport in use. */
  abstract getBackend(): ConnectionBackend;

  /** What the transport knows of the peer; empty before the connection stands. It stays after an end. */
  get peer(): ConnectionPeer {
    return {};
  }

  /** A frozen snapshot. Counters start anew with each `connect()`. */
  getStats(): ConnectionStats {
    return statsOf(this.#sender, this.#receiver);
  }

  /** The endpoint of the configuration, as it may be shown: `redactEndpoint` hid user information and query. */
  get endpoint(): string {
    return redactEndpoint(this.config.endpoint);
  }

  /** What was accepted for sending and may not have reached the peer: upper bounds, as it gives its window back. Stays after an end. */
  unconfirmedSends(): UnconfirmedSends {
    return this.#sender.unconfirmed();
  }

  /** How often a `trySend` was told `WouldBlock` since connecting. */
  wouldBlockCount(): number {
    return this.#sender.wouldBlockSends;
  }

  /** Sets who is told of each real transition, once and in order, before the `state` listeners. */
  setStateCallback(callback: StateCallback | null): void {
    checkCallback(callback);
    this.#stateCallback = callback;
  }

  /** Sets who receives the messages of the default channel. What arrived before is delivered in order, from a microtask. */
  setMessageCallback(callback: MessageCallback | null, options?: MessageCallbackOptions): void {
    checkCallback(callback);
    this.#receiver.setCallback(this.#default, callback, options);
  }

  /** The messages, for `for await`, which owns their bytes; see `MessagesOptions`. Takes the place of the message callback. */
  messages(options?: MessagesOptions): AsyncIterableIterator<Uint8Array, undefined> {
    return new MessageIterator(this, options);
  }

  /** Whether named channels work; true on every transport of this base. */
  supportsMultipleChannels(): boolean {
    return true;
  }

  /** Opens a named channel and tells the peer. Idempotent. `InvalidParameter`: its name; `ResourceLimitExceeded`; `Aborted`. */
  openChannel(name: string, options?: { signal?: AbortSignal }): Promise<Result> {
    const checked = checkChannelName(name);
    if (!checked.ok) return Promise.resolve(checked);
    return this.#sender.lifecycle.open(name, options?.signal);
  }

  /** Closes a named channel on both sides; see `Channel.close`. */
  closeChannel(name: string, options?: { signal?: AbortSignal }): Promise<Result> {
    return this.#sender.lifecycle.closeNamed(name, options?.signal);
  }

  /** Whether a channel can be sent on: either side has opened it and the connection stands. */
  isChannelOpen(name: string): boolean {
    return this.isConnected() && this.#channels.find(name)?.isOpen === true;
  }

  /** As `send`, on a channel that is open. */
  sendOnChannel(name: string, data: Uint8Array, options?: { signal?: AbortSignal }): Promise<Result> {
    const channel = this.#channels.find(name);
    if (channel === undefined) return Promise.resolve(this.#sender.noChannel(name));
    return this.#sender.send(channel, data, options?.signal);
  }

  /** As `trySend`, on a channel that is open. */
  trySendOnChannel(name: string, data: Uint8Array): Result {
    const channel = this.#channels.find(name);
    return channel === undefined ? this.#sender.noChannel(name) : this.#sender.trySend(channel, data);
  }

  /** As `setMessageCallback`, for one channel, open or not. `InvalidParameter` (thrown as `RangeError`) for an impossible name. */
  setChannelMessageCallback(name: string, callback: MessageCallback | null, options?: MessageCallbackOptions): void {
    checkCallback(callback);
    const checked = checkChannelName(name);
    if (!checked.ok) throw new RangeError(checked.error.message);
    this.#receiver.setCallback(this.#channels.obtain(name), callback, options);
  }

  /** For connections that a server accepted: called once, after the callbacks are set. Without effect on others. */
  startReceiving(): void {
    if (this.#isReceiving || !this.#isLinked) return;
    this.#isReceiving = true;
    this.doStartReceiving();
  }

  /** Whether `shutdownCallbacks` was called. */
  isShuttingDown(): boolean {
    return this.#isShuttingDown;
  }

  /** Adds a listener of an event (`ConnectionEvents`). */
  on<E extends keyof ConnectionEvents>(event: E, listener: ConnectionEvents[E]): this {
    this.#events.emitter.on(event, listener as never);
    return this.#noteListeners();
  }

  /** Adds a listener for the event's next time only. */
  once<E extends keyof ConnectionEvents>(event: E, listener: ConnectionEvents[E]): this {
    this.#events.emitter.once(event, listener as never);
    return this.#noteListeners();
  }

  /** Removes a listener, or all of the event's without one. */
  off<E extends keyof ConnectionEvents>(event: E, listener?: ConnectionEvents[E]): this {
    this.#events.emitter.off(event, listener as never);
    return this.#noteListeners();
  }

  /** An idle connection keeps the process alive (the default). */
  ref(): void {
    this.doSetReferenced(true);
  }

  /** An idle connection does not keep the process alive. */
  unref(): void {
    this.doSetReferenced(false);
  }

  /** As `disconnect()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
  }

  override description(): string {
    return `${this.toString()} ${this.getBackend()} ${this.endpoint} ${this.getState()}`;
  }

  /** Makes the link. Stops as soon as `signal` aborts; whatever it had by then is given back. */
  protected abstract doConnect(signal: AbortSignal): Promise<Result<FrameLink>>;

  /** Delivers frames from here on: first those that have already arrived. */
  protected abstract doStartReceiving(): void;

  /** Says goodbye: everything that was written reaches the peer before it learns of the end. Given up after `sendTimeoutMs`. */
  protected abstract doDisconnect(): Promise<void>;

  /** Gives everything back at once, without a goodbye. Called at every end, also after `doDisconnect`; idempotent. */
  protected abstract doRelease(): void;

  /** Whether the link keeps the process alive. */
  protected abstract doSetReferenced(isReferenced: boolean): void;

  /** The link ended: `disconnected` by the peer's goodbye, or `failed`. Called after the last frame; a repeated call is ignored. */
  protected onStateChanged(state: 'disconnected' | 'failed', error?: NetworkError): void {
    if (state === 'failed') this.#fail(error ?? new NetworkError('ConnectionClosed', 'the link failed'));
    else if (this.#states.state === 'connected') this.#end('disconnected');
    else if (this.#states.state === 'disconnecting') this.#sender.stop('closed'); // The peer takes nothing more.
  }

  /** One frame arrived. `isOwned`: the transport gives `bytes` away; if not, they are valid during this call only. */
  protected onFrameReceived(header: number, bytes: Uint8Array, start: number, end: number, isOwned: boolean): void {
    this.#receiver.receive(header, bytes, start, end, isOwned);
  }

  /** A whole message of the default channel arrived; for transports whose medium has messages of its own. */
  protected onMessageReceived(data: Uint8Array): void {
    this.#receiver.receive(frameHeader(FrameType.Message, 0), data, 0, data.length, true);
  }

  /** The same for a named channel that is open. */
  protected onChannelMessageReceived(name: string, data: Uint8Array): void {
    const id = this.#channels.find(name)?.incoming.id ?? -1;
    if (id >= 0) this.#receiver.receive(frameHeader(FrameType.Message, id), data, 0, data.length, true);
  }

  /** There is room again after a `tryWrite` or `tryClaim` was refused. */
  protected onWritable(): void {
    this.#sender.onWritable();
  }

  /** The peer is alive but does not read, or reads again. */
  protected onResponsivenessChanged(isResponsive: boolean): void {
    if (this.isConnected()) this.#events.emitResponsiveness(isResponsive);
  }

  /** No callback starts from here on; resolves when the promises of those that ran are settled, save the caller's own. */
  protected shutdownCallbacks(): Promise<void> {
    this.#isShuttingDown = true;
    this.#events.guard.close();
    return this.#events.guard.drained();
  }

  protected override onDispose(): void {
    void this.disconnect();
  }

  async #runConnecting(controller: AbortController, signal: AbortSignal | undefined): Promise<Result> {
    if (!this.#isShuttingDown) this.#events.guard.open();
    this.#states.transition('connecting');
    const made = await withDeadline((inner) => this.doConnect(inner), {
      controller,
      signal,
      timeoutMs: this.config.connectTimeoutMs,
      describeTimeout: () =>
        `no connection to ${this.endpoint} within ${this.config.connectTimeoutMs} ms (connectTimeoutMs)`,
      onLateSuccess: () => this.doRelease(),
    });
    this.#connecting = undefined;
    if (this.#states.state !== 'connecting') {
      this.doRelease();
      return err('Aborted', 'disconnect() was called before the connection was made');
    }
    if (!made.ok) {
      this.#fail(made.error);
      return made;
    }
    this.#link(made.value);
    this.#states.transition('connected');
    this.startReceiving();
    return OK;
  }

  #link(link: FrameLink): void {
    if (this.#wasAccepted) reportAccepted(this);
    this.#sender.start(link);
    this.#receiver.start();
    this.#isLinked = true;
    this.#isReceiving = false;
    this.#events.start();
  }

  async #runDisconnecting(signal: AbortSignal | undefined): Promise<Result> {
    const state = this.#states.state;
    let goodbye = OK;
    if (state === 'connecting') {
      this.#states.transition('disconnecting');
      this.#connecting?.controller.abort();
      await this.#connecting?.promise;
    } else if (state === 'connected') {
      this.#receiver.stopDelivering();
      // What `trySend` promised to deliver, while the peer takes it; nothing new from here on.
      const flushed = this.#sender.finish('closed');
      this.#states.transition('disconnecting');
      await settledWithin(() => flushed, this.config.sendTimeoutMs, signal);
      goodbye = await settledWithin(() => this.doDisconnect(), this.config.sendTimeoutMs, signal);
    }
    this.#end('disconnected');
    this.#events.guard.close();
    this.#disconnecting = undefined;
    return goodbye;
  }

  #fail(error: NetworkError): void {
    if (!this.#states.allows('failed')) {
      // The peer died while this side was saying goodbye: there is nobody left to wait for.
      this.#sender.stop(outcomeOf(error));
      return;
    }
    this.#end('failed', error);
  }

  #end(state: 'disconnected' | 'failed', error?: NetworkError): void {
    this.#isLinked = false;
    this.#sender.stop(error === undefined ? 'closed' : outcomeOf(error));
    this.doRelease();
    if (state === 'disconnected' && this.#states.state === 'connected') this.#states.transition('disconnecting');
    this.#states.transition(state, error);
  }

  #reportState(state: ConnectionState, error: NetworkError | undefined): void {
    reportTransition(this, state, error);
    const callback = this.#stateCallback;
    if (callback !== null) this.#events.guard.runBound(() => callback(state, error), isAsyncFunction(callback));
    this.#events.emit('state', state, error);
  }

  #noteListeners(): this {
    this.#default.incoming.hasListeners = this.#events.emitter.listenerCount('message') > 0;
    this.#receiver.unpark(this.#default);
    return this;
  }
}
