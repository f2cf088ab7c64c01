import type {
  Channel,
  ChannelEvents,
  ChannelStats,
  ConsumerLease,
  ConsumerOptions,
  MessageConsumer,
} from '../api/channel.js';
import type {
  CloseReason,
  InPlaceCallbackOptions,
  InPlaceMessageCallback,
  InPlaceWriter,
  MessageCallback,
  MessageCallbackOptions,
} from '../api/connection-types.js';
import type { SendClaim } from '../api/send-claim.js';
import { checkOptions, faultOfOptions, SIGNAL_OPTION } from '../config/call-options.js';
import { checkCallback } from '../lifecycle/callback-guard.js';
import { GuardedEmitter } from '../lifecycle/guarded-emitter.js';
import { OK, type Result } from '../result/result.js';
import { ChannelConsumers, type ConsumersOwner } from './channel-consumers.js';
import type { ChannelEndpoint, EndpointWatcher } from './channel-endpoint.js';
import { checkConsumer, checkOwnership } from './consumer-checks.js';
import type { AnyOwnership, DeliveryCallback } from './incoming-half.js';
import { defaultChannelStays } from './refusals.js';

const EVENTS: readonly (keyof ChannelEvents)[] = ['message', 'drain', 'closed'];

/** The functions of a connection or a handle that its channel objects call. Its `guard` runs every listener. */
export interface ChannelOwner extends ConsumersOwner {
  /** The channel was closed. From now on its name may mean another channel. */
  channelClosed(channel: ChannelObject): void;
}

/**
 * The one implementation of `Channel`. The object of a connection stays on its endpoint. The object of a handle moves
 * to the endpoint of each new connection, so that a message passes no second object.
 */
export class ChannelObject implements Channel, EndpointWatcher {
  readonly name: string | undefined;
  readonly #owner: ChannelOwner;
  readonly #events: GuardedEmitter<ChannelEvents>;
  readonly #consumers: ChannelConsumers;
  #endpoint: ChannelEndpoint | undefined;
  #isGiven = false;

  constructor(name: string | undefined, owner: ChannelOwner) {
    this.name = name;
    this.#owner = owner;
    this.#events = new GuardedEmitter<ChannelEvents>(EVENTS, owner.guard);
    this.#consumers = new ChannelConsumers(name, owner, this.#events);
  }

  get isOpen(): boolean {
    return this.#endpoint?.isOpen ?? false;
  }

  // Hot path, like the next method: one lookup, then the sender.
  send(data: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Result> {
    if (options !== undefined) {
      const fault = faultOfOptions('send()', options, SIGNAL_OPTION);
      if (fault !== undefined) return Promise.resolve({ ok: false, error: fault });
    }
    const endpoint = this.#endpoint;
    if (endpoint === undefined) return Promise.resolve(this.#owner.absence());
    return endpoint.sender.send(endpoint.state, data, options?.signal);
  }

  trySend(data: Uint8Array): Result {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) return this.#owner.absence();
    return endpoint.sender.trySend(endpoint.state, data);
  }

  trySendBatch(messages: readonly Uint8Array[]): Result<number> {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) return this.#owner.absence();
    return endpoint.sender.trySendBatch(endpoint.state, messages);
  }

  trySendWith(length: number, write: InPlaceWriter): Result {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) return this.#owner.absence();
    return endpoint.sender.trySendWith(endpoint.state, length, write);
  }

  claim(length: number): Result<SendClaim> {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) return this.#owner.absence();
    return endpoint.sender.claim(endpoint.state, length);
  }

  getStats(): ChannelStats {
    return this.#endpoint?.isOpen === true ? this.#endpoint.state.stats() : NO_STATS;
  }

  open(options?: { readonly signal?: AbortSignal }): Promise<Result> {
    const fault = faultOfOptions('open()', options, SIGNAL_OPTION);
    if (fault !== undefined) return Promise.resolve({ ok: false, error: fault });
    const endpoint = this.#endpoint;
    if (endpoint === undefined) return Promise.resolve(this.#owner.absence());
    return endpoint.open(options?.signal);
  }

  close(options?: { readonly signal?: AbortSignal }): Promise<Result> {
    const fault = faultOfOptions('close()', options, SIGNAL_OPTION);
    if (fault !== undefined) return Promise.resolve({ ok: false, error: fault });
    if (this.name === undefined) return Promise.resolve(defaultChannelStays());
    const endpoint = this.#endpoint;
    if (endpoint === undefined) return Promise.resolve(OK);
    return endpoint.host.closeChannel(endpoint.state, options?.signal);
  }

  messages(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterableIterator<Uint8Array, undefined> {
    checkOptions('messages()', options, SIGNAL_OPTION);
    return this.#consumers.iterate(options?.signal);
  }

  take(consumer: MessageConsumer, options: ConsumerOptions): ConsumerLease {
    checkConsumer(consumer, options);
    return this.#consumers.take(consumer, options);
  }

  setMessageCallback(callback: MessageCallback | null, options?: MessageCallbackOptions): void;
  setMessageCallback(callback: InPlaceMessageCallback | null, options: InPlaceCallbackOptions): void;
  setMessageCallback(callback: DeliveryCallback | null, options?: { readonly ownership?: AnyOwnership }): void {
    checkCallback(callback);
    checkOptions('setMessageCallback()', options, OWNERSHIP_OPTION);
    const ownership = options?.ownership ?? 'copy';
    checkOwnership(ownership);
    this.#consumers.setCallback(callback, ownership);
  }

  on<E extends keyof ChannelEvents>(event: E, listener: ChannelEvents[E]): this {
    return this.#add(event, listener, false);
  }

  once<E extends keyof ChannelEvents>(event: E, listener: ChannelEvents[E]): this {
    return this.#add(event, listener, true);
  }

  off<E extends keyof ChannelEvents>(event: E, listener?: ChannelEvents[E]): this {
    this.#events.remove(event, listener);
    if (event === 'message') this.#consumers.listenersChanged();
    return this;
  }

  subscribe<E extends Exclude<keyof ChannelEvents, 'message'>>(event: E, listener: ChannelEvents[E]): () => void {
    this.give();
    return this.#events.subscribe(event, listener);
  }

  onDrain(): void {
    this.#events.emit('drain');
  }

  onClosed(): void {
    this.#owner.channelClosed(this);
    this.#events.emit('closed');
  }

  /** Whether this copy of the package made the channel. An object can follow only such a channel. */
  static canFollow(channel: Channel): channel is ChannelObject {
    return #endpoint in channel;
  }

  /** Makes the object stand for a channel of the handle's next connection. */
  follow(channel: Channel): void {
    if (!ChannelObject.canFollow(channel))
      throw new TypeError('a channel of another copy of @entropynet/core was given');
    if (channel.#endpoint !== undefined) this.attach(channel.#endpoint);
  }

  /** The program gets this object, and may read the messages of its channel at any time. */
  give(): this {
    this.#isGiven = true;
    if (this.#endpoint !== undefined) this.#endpoint.isGiven = true;
    return this;
  }

  attach(endpoint: ChannelEndpoint): void {
    if (this.#endpoint !== endpoint) this.#consumers.keepUnread();
    this.#leave();
    this.#endpoint = endpoint;
    if (this.#isGiven) endpoint.isGiven = true;
    endpoint.watchers.add(this);
    this.#consumers.attach(endpoint);
  }

  /** Makes the object stand for no channel. Consumers other than the callback stay on their connection. */
  detach(): void {
    this.#leave();
    this.#consumers.detach();
  }

  /** Whether messages of earlier connections wait for a reader. */
  get hasUnread(): boolean {
    return this.#consumers.hasUnread;
  }

  /** Drops the unread messages of earlier connections, because this side reads no more. */
  forgetUnread(): void {
    this.#consumers.forgetUnread();
  }

  /** The lease of a consumer that waits for a connection; undefined if there is none. */
  get waiting(): unknown {
    return this.#consumers.waiting;
  }

  /** Ends a consumer that waits for a connection, because the handle is closed or gets no further connection. */
  endWaiting(reason: CloseReason): void {
    this.#consumers.endWaiting(reason);
  }

  #add(event: keyof ChannelEvents, listener: unknown, isOnce: boolean): this {
    if (event === 'message' && typeof listener === 'function' && !this.#owner.isOver)
      this.#consumers.checkUntaken(true);
    this.give();
    this.#events.add(event, listener, isOnce);
    if (event === 'message') this.#consumers.listenersChanged();
    return this;
  }

  #leave(): void {
    this.#endpoint?.watchers.delete(this);
    this.#endpoint = undefined;
  }
}

const NO_STATS: ChannelStats = Object.freeze({
  messagesSent: 0,
  bytesSent: 0,
  sendWindow: 0,
  waitingMessages: 0,
  unreadFrames: 0,
});

// The value is checked later: a wrong value throws a `TypeError`, as a wrong callback does.
const OWNERSHIP_OPTION = { ownership: 'anything' } as const;
