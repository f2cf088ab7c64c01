import type { ChannelEvents, ConsumerLease, ConsumerOptions, MessageConsumer } from '../api/channel.js';
import type { CloseReason, MessageCallback } from '../api/connection-types.js';
import type { CallbackGuard } from '../lifecycle/callback-guard.js';
import type { GuardedEmitter } from '../lifecycle/guarded-emitter.js';
import { runAsMicrotask } from '../platform/clock.js';
import { NetworkError } from '../result/network-error.js';
import type { Failure } from '../result/result.js';
import type { ChannelEndpoint } from './channel-endpoint.js';
import { shownChannel } from './channel-name.js';
import { checkUntaken, Lease } from './consumer-lease.js';
import type { AnyOwnership, DeliveryCallback } from './incoming-half.js';
import { MessageIterator } from './message-iterator.js';
import { UnreadMessages } from './unread-messages.js';

/** The functions of a connection or a handle that its channel objects call. */
export interface ConsumersOwner {
  /** Runs the callbacks. */
  readonly guard: CallbackGuard;
  /** Whether the object gets no further endpoint. */
  readonly isOver: boolean;
  /** Returns the error of a call on an object that has no endpoint. */
  absence(): Failure;
  /** Reports that a callback can't take the messages of a connection that the object was attached to. */
  callbackRefused(error: unknown): void;
  /** Reports that unread messages of an earlier connection were dropped, because the limit was reached. */
  unreadDropped?(error: NetworkError): void;
}

/**
 * The consumers of one channel object: the callback with the `message` listeners, a lease, or a loop. The object of a
 * handle moves its callback from one connection to the next. Other consumers stay on their first connection.
 */
export class ChannelConsumers {
  readonly #channelName: string | undefined;
  readonly #owner: ConsumersOwner;
  readonly #events: GuardedEmitter<ChannelEvents>;
  #endpoint: ChannelEndpoint | undefined;
  #callback: DeliveryCallback | null = null;
  #ownership: AnyOwnership = 'copy';
  /** The lease of the callback and the listeners; undefined if the object has neither. */
  #callbackLease: Lease | undefined;
  /**
   * The lease of a consumer that came before the first connection, or that first reads the messages of earlier
   * connections.
   */
  #waiting: Lease | undefined;
  readonly #unread = new UnreadMessages();

  /** @param events the events of the channel object; its `message` listeners are consumers */
  constructor(channelName: string | undefined, owner: ConsumersOwner, events: GuardedEmitter<ChannelEvents>) {
    this.#channelName = channelName;
    this.#owner = owner;
    this.#events = events;
  }

  /** Whether messages of earlier connections wait for a reader. */
  get hasUnread(): boolean {
    return this.#unread.collect();
  }

  /** The lease of a consumer that waits for a connection; undefined if there is none. */
  get waiting(): Lease | undefined {
    return this.#waiting;
  }

  /** Drops the unread messages of earlier connections, because this side reads no more. */
  forgetUnread(): void {
    this.#unread.clear();
  }

  /**
   * The handle is closed or gets no further connection. Ends a consumer that waits for one. A consumer that first reads
   * the messages of earlier connections continues, and ends with those of the last one.
   */
  endWaiting(reason: CloseReason): void {
    if (this.#endpoint === undefined) this.#waiting?.end(reason);
    else if (!this.#unread.collect()) this.#installWaiting();
  }

  /** Keeps the unread messages for the next reader. The owner calls it before the object leaves its endpoint. */
  keepUnread(): void {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) return;
    const dropped = this.#unread.keep(endpoint);
    if (dropped === 0) return;
    this.#owner.unreadDropped?.(
      new NetworkError(
        'ResourceLimitExceeded',
        `${dropped} messages of an earlier connection were dropped unread on ${shownChannel(this.#channelName)}: ` +
          `more than ${endpoint.host.channelWindow} bytes (channelWindow) wait there for a reader`,
      ),
    );
  }

  /** Makes the object stand for this endpoint. */
  attach(endpoint: ChannelEndpoint): void {
    this.#endpoint = endpoint;
    this.#callbackLease = undefined;
    if (!this.#unread.collect()) this.#installWaiting();
    try {
      this.listenersChanged();
    } catch (error) {
      this.#owner.callbackRefused(error);
    }
  }

  /** Makes the object stand for no channel. Consumers other than the callback stay on their connection. */
  detach(): void {
    this.#endpoint = undefined;
    this.#callbackLease = undefined;
    this.#unread.clear();
  }

  /** Sets or clears the one callback. */
  setCallback(callback: DeliveryCallback | null, ownership: AnyOwnership): void {
    if (callback !== null && !this.#owner.isOver) this.checkUntaken(true);
    if (this.#owner.isOver) return;
    this.#callback = callback;
    this.#ownership = ownership;
    this.listenersChanged();
  }

  /** Starts a loop over the messages. The loop stays on the connection on which it began. */
  iterate(signal: AbortSignal | undefined): MessageIterator {
    this.checkUntaken(false);
    let endpoint = this.#endpoint;
    return new MessageIterator(
      {
        take: (consumer, options) => {
          endpoint ??= this.#endpoint;
          const isBehind = endpoint === this.#endpoint && this.#unread.collect();
          return this.#takeOn(isBehind ? undefined : endpoint, consumer, options);
        },
        startReceiving: () => endpoint?.host.startReceiving(),
        began: () => endpoint?.loopBegan(),
        ended: () => endpoint?.loopEnded(),
      },
      signal,
    );
  }

  take(consumer: MessageConsumer, options: ConsumerOptions): ConsumerLease {
    const isBehind = options.unreadFirst === true && this.#unread.collect();
    return this.#takeOn(isBehind ? undefined : this.#endpoint, consumer, options);
  }

  /** Throws a `NetworkError` if a consumer of that kind can't take the messages. */
  checkUntaken(isCallback: boolean): void {
    if (this.#owner.isOver) throw this.#owner.absence().error;
    if (this.#endpoint !== undefined) {
      this.#endpoint.checkUntaken(isCallback);
      checkUntaken(this.#waiting, this.#channelName, isCallback);
    } else {
      const present = this.#callback !== null || this.#events.count('message') > 0 ? CALLBACK : this.#waiting;
      checkUntaken(present, this.#channelName, isCallback);
    }
  }

  /** Takes, changes or releases the lease that the callback and the listeners share, after one of them changed. */
  listenersChanged(): void {
    if (this.#endpoint === undefined) return;
    const hasListeners = this.#events.count('message') > 0;
    const callback = this.#callback;
    if (callback === null && !hasListeners) {
      this.#callbackLease?.release();
      this.#callbackLease = undefined;
      return;
    }
    // Listeners own their bytes. The receiver makes the copy: without memory for it, the connection fails.
    const ownership = hasListeners ? 'copy' : this.#ownership;
    const onMessage = hasListeners ? this.#forAll(callback) : callback;
    if (onMessage === null) return;
    const lease = new Lease({ onMessage: ignore }, { name: CALLBACK_OPTIONS.name, ownership }, onMessage);
    const isBehind = this.#unread.collect();
    if (isBehind || this.#waiting === this.#callbackLease) this.#callbackLease?.release();
    if (isBehind) this.#wait(lease);
    else this.#endpoint.install(lease);
    this.#callbackLease = lease;
  }

  #takeOn(endpoint: ChannelEndpoint | undefined, consumer: MessageConsumer, options: ConsumerOptions): ConsumerLease {
    const lease = new Lease(consumer, options);
    if (endpoint === undefined) {
      this.checkUntaken(false);
      this.#wait(lease);
    } else {
      // A consumer that reads the messages of earlier connections is not on the endpoint yet.
      if (endpoint === this.#endpoint) checkUntaken(this.#waiting, this.#channelName, false);
      endpoint.install(lease);
    }
    return lease;
  }

  /** Gives the lease the messages of earlier connections first, then those of the present one. */
  #wait(lease: Lease): void {
    this.#waiting = lease;
    lease.bind(this.#waitingRoom);
    // The delivery waits for a microtask, because a program that sets a callback has seldom finished its setup.
    if (this.#endpoint !== undefined) runAsMicrotask(this.#deliverUnread);
  }

  readonly #deliverUnread = (): void => {
    const { guard } = this.#owner;
    while (this.#waiting !== undefined && guard.isOpen) {
      const { deliver, ownership, isPaused } = this.#waiting;
      if (isPaused && this.#unread.collect()) return;
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

  /** Calls the callback first, then each listener. A callback that borrows its bytes sees those of the listeners. */
  #forAll(callback: DeliveryCallback | null): MessageCallback {
    const guard = this.#endpoint?.host.guard ?? this.#owner.guard;
    const isInPlace = this.#ownership === 'in-place';
    return (data) => {
      if (callback !== null) {
        if (isInPlace) guard.runInPlace(callback, data, 0, data.length);
        else guard.run(callback as MessageCallback, data);
      }
      this.#events.emitMessage('message', data);
      // The last listener may have been a `once` listener. Then the next messages wait for another consumer.
      if (this.#callback === null && this.#events.count('message') === 0) this.listenersChanged();
    };
  }

  readonly #waitingRoom = {
    leaseChanged: (lease: Lease): void => {
      if (this.#waiting === lease && !lease.isPaused && this.#endpoint !== undefined)
        runAsMicrotask(this.#deliverUnread);
    },
    leaseReleased: (lease: Lease): void => {
      if (this.#waiting === lease) this.#waiting = undefined;
    },
    leaseFailed: (error: unknown): void => {
      this.#owner.guard.fail(error);
    },
  };
}

const CALLBACK_OPTIONS: ConsumerOptions = { name: 'a message callback' };
/** Stands for the callback of an object that has no connection yet. */
const CALLBACK = new Lease({ onMessage: ignore }, CALLBACK_OPTIONS, ignore);

function ignore(): void {
  // A lease that is on no channel gets no message.
}
