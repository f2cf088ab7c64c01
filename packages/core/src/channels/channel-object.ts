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
import { type CallbackGuard, checkCallback } from '../lifecycle/callback-guard.js';
import { GuardedEmitter } from '../lifecycle/guarded-emitter.js';
import { runAsMicrotask } from '../platform/clock.js';
import { kindOf } from '../result/kind-of.js';
import { NetworkError } from '../result/network-error.js';
import { printable } from '../result/printable.js';
import { err, OK, type Failure, type Result } from '../result/result.js';
import type { ChannelEndpoint, EndpointWatcher } from './channel-endpoint.js';
import { shownChannel } from './channel-name.js';
import { checkUntaken, Lease } from './consumer-lease.js';
import { type AnyOwnership, type DeliveryCallback, deliveryOf } from './incoming-half.js';
import { MessageIterator } from './message-iterator.js';
import { UnreadMessages } from './unread-messages.js';

const EVENTS: readonly (keyof ChannelEvents)[] = ['message', 'drain', 'closed'];

/** What a channel object asks of the connection or handle that made it. */
export interface ChannelOwner {
  /** Where the listeners of `drain` and `closed` run. */
  readonly guard: CallbackGuard;
  /** Whether no endpoint comes any more. */
  readonly isOver: boolean;
  /** Why nothing can be done while the object has no endpoint. */
  absence(): Failure;
  /** The channel was closed: its name may mean another one from here on. */
  channelClosed(channel: ChannelObject): void;
  /** A callback can't take the messages of a connection that the object was attached to. */
  callbackRefused(error: unknown): void;
  /** Messages of an earlier connection that nobody has read find no room any more. */
  unreadDropped?(error: NetworkError): void;
}

/**
 * The one implementation of `Channel`. A connection's object stays on its endpoint; a handle's is attached to the endpoint
 * of each connection that the handle gets, so that a message passes no second object.
 */
export class ChannelObject implements Channel, EndpointWatcher {
  readonly name: string | undefined;
  readonly #owner: ChannelOwner;
  readonly #events: GuardedEmitter<ChannelEvents>;
  #endpoint: ChannelEndpoint | undefined;
  #callback: DeliveryCallback | null = null;
  #ownership: AnyOwnership = 'copy';
  /** Of the callback and the listeners, while there is one of either. */
  #callbackLease: Lease | undefined;
  /** Of a consumer that came before the first connection, or that first gets what earlier connections have left. */
  #waiting: Lease | undefined;
  readonly #unread = new UnreadMessages();

  constructor(name: string | undefined, owner: ChannelOwner) {
    this.name = name;
    this.#owner = owner;
    this.#events = new GuardedEmitter<ChannelEvents>(EVENTS, owner.guard);
  }

  get isOpen(): boolean {
    return this.#endpoint?.isOpen ?? false;
  }

  // Hot path, as the next one: one look, and the sender.
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
    if (this.name === undefined) {
      return Promise.resolve(
        err('InvalidParameter', 'the default channel ends with its connection: disconnect() ends it'),
      );
    }
    const endpoint = this.#endpoint;
    if (endpoint === undefined) return Promise.resolve(OK);
    return endpoint.host.closeChannel(endpoint.state, options?.signal);
  }

  messages(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterableIterator<Uint8Array, undefined> {
    checkOptions('messages()', options, SIGNAL_OPTION);
    this.#checkUntaken(false);
    // A loop stays on the connection that it began on: it ends with it, and never goes on with the next one's messages.
    let endpoint = this.#endpoint;
    return new MessageIterator(
      {
        take: (consumer, consumerOptions) => {
          endpoint ??= this.#endpoint;
          const isBehind = endpoint === this.#endpoint && this.#unread.collect();
          return this.#take(consumer, consumerOptions, isBehind ? undefined : endpoint);
        },
        startReceiving: () => endpoint?.host.startReceiving(),
        began: () => endpoint?.loopBegan(),
        ended: () => endpoint?.loopEnded(),
      },
      options?.signal,
    );
  }

  take(consumer: MessageConsumer, options: ConsumerOptions): ConsumerLease {
    checkConsumer(consumer, options);
    return this.#take(consumer, options, this.#endpoint);
  }

  setMessageCallback(callback: MessageCallback | null, options?: MessageCallbackOptions): void;
  setMessageCallback(callback: InPlaceMessageCallback | null, options: InPlaceCallbackOptions): void;
  setMessageCallback(callback: DeliveryCallback | null, options?: { readonly ownership?: AnyOwnership }): void {
    checkCallback(callback);
    checkOptions('setMessageCallback()', options, OWNERSHIP_OPTION);
    const ownership = options?.ownership ?? 'copy';
    checkOwnership(ownership);
    if (callback !== null && !this.#owner.isOver) this.#checkUntaken(true);
    if (this.#owner.isOver) return;
    this.#callback = callback;
    this.#ownership = ownership;
    this.#updateCallbackLease();
  }

  on<E extends keyof ChannelEvents>(event: E, listener: ChannelEvents[E]): this {
    return this.#add(event, listener, false);
  }

  once<E extends keyof ChannelEvents>(event: E, listener: ChannelEvents[E]): this {
    return this.#add(event, listener, true);
  }

  off<E extends keyof ChannelEvents>(event: E, listener?: ChannelEvents[E]): this {
    this.#events.remove(event, listener);
    if (event === 'message') this.#updateCallbackLease();
    return this;
  }

  onDrain(): void {
    this.#events.emit('drain');
  }

  onClosed(): void {
    this.#owner.channelClosed(this);
    this.#events.emit('closed');
  }

  /** Whether a channel is of this copy of the package: only such a one can be followed. */
  static canFollow(channel: Channel): channel is ChannelObject {
    return #endpoint in channel;
  }

  /** Stands for the channel of a handle's next connection from here on. */
  follow(channel: Channel): void {
    if (!ChannelObject.canFollow(channel))
      throw new TypeError('a channel of another copy of @entropynet/core was given');
    if (channel.#endpoint !== undefined) this.attach(channel.#endpoint);
  }

  attach(endpoint: ChannelEndpoint): void {
    const before = this.#endpoint;
    if (before !== undefined && before !== endpoint) this.#keepUnreadOf(before);
    this.#leave();
    this.#endpoint = endpoint;
    endpoint.watchers.add(this);
    if (!this.#unread.collect()) this.#installWaiting();
    try {
      this.#updateCallbackLease();
    } catch (error) {
      this.#owner.callbackRefused(error);
    }
  }

  /** Stands for no channel. Consumers that are no callback stay on the connection that they were taken on. */
  detach(): void {
    this.#leave();
    this.#unread.clear();
  }

  /** Whether messages of earlier connections wait for a reader. */
  get hasUnread(): boolean {
    return this.#unread.collect();
  }

  /** This side wants nothing more of what earlier connections have left. */
  forgetUnread(): void {
    this.#unread.clear();
  }

  /** The handle is closed, or gets no connection: a consumer that waits for one ends. */
  endWaiting(reason: CloseReason): void {
    this.#waiting?.end(reason);
  }

  #add(event: keyof ChannelEvents, listener: unknown, isOnce: boolean): this {
    if (event === 'message' && typeof listener === 'function' && !this.#owner.isOver) this.#checkUntaken(true);
    this.#events.add(event, listener, isOnce);
    if (event === 'message') this.#updateCallbackLease();
    return this;
  }

  #take(consumer: MessageConsumer, options: ConsumerOptions, endpoint: ChannelEndpoint | undefined): ConsumerLease {
    const lease = new Lease(consumer, options);
    if (endpoint === undefined) {
      this.#checkUntaken(false);
      this.#wait(lease);
    } else endpoint.install(lease);
    return lease;
  }

  #checkUntaken(isCallback: boolean): void {
    if (this.#owner.isOver) throw this.#owner.absence().error;
    if (this.#endpoint !== undefined) {
      this.#endpoint.checkUntaken(isCallback);
      checkUntaken(this.#waiting, this.name, isCallback);
    } else {
      const present = this.#callback !== null || this.#events.count('message') > 0 ? CALLBACK : this.#waiting;
      checkUntaken(present, this.name, isCallback);
    }
  }

  #leave(): void {
    this.#endpoint?.watchers.delete(this);
    this.#endpoint = undefined;
    this.#callbackLease = undefined;
  }

  #keepUnreadOf(endpoint: ChannelEndpoint): void {
    const dropped = this.#unread.keep(endpoint);
    if (dropped === 0) return;
    this.#owner.unreadDropped?.(
      new NetworkError(
        'ResourceLimitExceeded',
        `${dropped} messages of an earlier connection were dropped unread on ${shownChannel(this.name)}: ` +
          `more than ${endpoint.host.channelWindow} bytes (channelWindow) wait there for a reader`,
      ),
    );
  }

  /** The lease gets what earlier connections have left, then the messages of the present one. */
  #wait(lease: Lease): void {
    this.#waiting = lease;
    lease.bind(this.#waitingRoom);
    // Not at once: a program that sets a callback has seldom finished setting up.
    if (this.#endpoint !== undefined) runAsMicrotask(this.#deliverUnread);
  }

  readonly #deliverUnread = (): void => {
    const { guard } = this.#owner;
    while (this.#waiting !== undefined && guard.isOpen) {
      const { deliver, ownership } = this.#waiting;
      const data = this.#unread.shift();
      if (data === undefined) {
        this.#installWaiting();
        return;
      }
      if (ownership === 'in-place') guard.runInPlace(deliver, data, 0, data.length);
      else guard.run(deliver as MessageCallback, data);
    }
  };

  #installWaiting(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || this.#endpoint === undefined) return;
    this.#waiting = undefined;
    try {
      this.#endpoint.install(waiting);
    } catch (error) {
      this.#owner.callbackRefused(error);
    }
  }

  /** The callback and the listeners are one consumer: takes, changes or gives back their lease as there are any. */
  #updateCallbackLease(): void {
    if (this.#endpoint === undefined) return;
    const hasListeners = this.#events.count('message') > 0;
    const callback = this.#callback;
    if (callback === null && !hasListeners) {
      this.#callbackLease?.release();
      this.#callbackLease = undefined;
      return;
    }
    const ownership = this.#ownership;
    const onMessage = hasListeners ? this.#forAll(callback) : callback;
    if (onMessage === null) return;
    const lease = new Lease({ onMessage: ignore }, { ...CALLBACK_OPTIONS, ownership }, onMessage);
    const isBehind = this.#unread.collect();
    if (isBehind || this.#waiting === this.#callbackLease) this.#callbackLease?.release();
    if (isBehind) this.#wait(lease);
    else this.#endpoint.install(lease);
    this.#callbackLease = lease;
  }

  /** The callback first, then each listener, which share bytes of their own where the callback only borrows them. */
  #forAll(callback: DeliveryCallback | null): DeliveryCallback {
    const guard = this.#endpoint?.host.guard ?? this.#owner.guard;
    const isBorrowed = this.#ownership === 'borrow';
    const toListeners = (own: Uint8Array): void => {
      this.#events.emitMessage('message', own);
      // The last listener may have been one for one message: what follows waits for the next consumer.
      if (this.#callback === null && this.#events.count('message') === 0) this.#updateCallbackLease();
    };
    if (this.#ownership === 'in-place') {
      return (bytes: Uint8Array, start: number, end: number): void => {
        const own = bytes.slice(start, end);
        if (callback !== null) guard.runInPlace(callback, bytes, start, end);
        toListeners(own);
      };
    }
    return (data: Uint8Array): void => {
      const own = isBorrowed ? data.slice() : data;
      if (callback !== null) guard.run(callback as MessageCallback, data);
      toListeners(own);
    };
  }

  readonly #waitingRoom = {
    leaseChanged: (): void => undefined,
    leaseReleased: (lease: Lease): void => {
      if (this.#waiting === lease) this.#waiting = undefined;
    },
    leaseFailed: (error: unknown): void => {
      this.#owner.guard.fail(error);
    },
  };
}

const NO_STATS: ChannelStats = Object.freeze({
  messagesSent: 0,
  bytesSent: 0,
  sendWindow: 0,
  waitingMessages: 0,
  unreadFrames: 0,
});

// The word is checked afterwards: a wrong one is a `TypeError`, as a wrong callback.
const OWNERSHIP_OPTION = { ownership: 'anything' } as const;
const CONSUMER_OPTIONS = { name: 'anything', ownership: 'anything', isPaused: 'true or false' } as const;

const CALLBACK_OPTIONS: ConsumerOptions = { name: 'a message callback' };
/** Stands for the callback of an object that has no connection yet. */
const CALLBACK = new Lease({ onMessage: ignore }, CALLBACK_OPTIONS, ignore);

/** Throws for what is no consumer, and for options that no consumer has. */
function checkConsumer(consumer: MessageConsumer, options: ConsumerOptions): void {
  const { onMessage } = (consumer as Partial<MessageConsumer> | null | undefined) ?? {};
  if (typeof onMessage !== 'function') {
    const given =
      typeof consumer === 'object' && consumer !== null ? `one with ${kindOf(onMessage)}` : kindOf(consumer);
    throw new TypeError(`a consumer has a method onMessage; ${given} was given`);
  }
  checkOptions('take()', options, CONSUMER_OPTIONS);
  const name: unknown = (options as ConsumerOptions | undefined)?.name;
  if (typeof name !== 'string') throw new TypeError(`a consumer's name is a string; ${kindOf(name)} was given`);
  const { ownership = 'copy' } = options;
  if (ownership !== 'copy' && ownership !== 'borrow') checkOwnership(ownership);
}

/** Throws a `TypeError` for a word that says nothing of ownership. */
function checkOwnership(ownership: AnyOwnership): void {
  if (Object.hasOwn(deliveryOf, ownership)) return;
  const allowed = Object.keys(deliveryOf)
    .map((name) => `'${name}'`)
    .join(', ');
  const given: unknown = ownership;
  const shown = typeof given === 'string' ? `'${printable(given, 40)}'` : kindOf(given);
  throw new TypeError(`ownership is one of ${allowed}; ${shown} was given`);
}

function ignore(): void {
  // A lease that is on no channel gets no message.
}
