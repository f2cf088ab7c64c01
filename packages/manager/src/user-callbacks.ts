import {
  checkCallback,
  checkChannelName,
  type ConnectionEvents,
  type ConnectionState,
  type MessageCallback,
  type MessageCallbackOptions,
  type NetworkConnection,
  NetworkError,
  type StateCallback,
} from '@entropynet/core';
import type { HandleEvents } from './handle-events.js';

/** What the handle tells itself: it knows of attempts that the connection does not. */
type OwnEvent = Exclude<keyof HandleEvents, keyof ConnectionEvents> | 'state';
const OWN_EVENTS: ReadonlySet<keyof HandleEvents> = new Set<OwnEvent>([
  'state',
  'reconnecting',
  'reconnected',
  'reconnectFailed',
]);

type AnyListener = HandleEvents[keyof HandleEvents];

interface Subscription {
  readonly event: keyof HandleEvents;
  readonly listener: AnyListener;
  readonly isOnce: boolean;
  /** Ends a subscription for one time when that has come. */
  readonly onFired: () => void;
}

interface MessageTaker {
  readonly callback: MessageCallback | null;
  readonly options: MessageCallbackOptions | undefined;
}

/**
 * What a user set on a handle, kept for the connection that it will get: a handle has callbacks before it has a
 * connection, and keeps them when a new attempt brings another one. Wrong arguments throw at once, as on a connection.
 */
export class UserCallbacks {
  #stateCallback: StateCallback | null = null;
  /** Undefined while the user has not set one, so that an adopted connection keeps its own. */
  #message: MessageTaker | undefined;
  readonly #channels = new Map<string, MessageTaker>();
  #subscriptions: Subscription[] = [];
  #connection: NetworkConnection | undefined;

  setState(callback: StateCallback | null): void {
    checkCallback(callback);
    this.#stateCallback = callback;
  }

  setMessage(callback: MessageCallback | null, options: MessageCallbackOptions | undefined): void {
    checkCallback(callback);
    this.#message = { callback, options };
    this.#connection?.setMessageCallback(callback, options);
  }

  setChannel(name: string, callback: MessageCallback | null, options: MessageCallbackOptions | undefined): void {
    checkCallback(callback);
    const checked = checkChannelName(name);
    if (!checked.ok) throw new RangeError(checked.error.message);
    this.#channels.set(name, { callback, options });
    this.#connection?.setChannelMessageCallback(name, callback, options);
  }

  subscribe(event: keyof HandleEvents, listener: AnyListener, isOnce: boolean): void {
    if (typeof listener !== 'function') throw new TypeError(`a listener is a function; ${typeof listener} was given`);
    const subscription: Subscription = {
      event,
      listener,
      isOnce,
      onFired: () => {
        this.#subscriptions = this.#subscriptions.filter((each) => each !== subscription);
      },
    };
    this.#subscriptions.push(subscription);
    if (this.#connection !== undefined) attach(subscription, this.#connection);
  }

  unsubscribe(event: keyof HandleEvents, listener: AnyListener | undefined): void {
    const isMeant = (each: Subscription): boolean =>
      each.event === event && (listener === undefined || each.listener === listener);
    for (const each of this.#subscriptions.filter(isMeant)) {
      if (!isOfConnection(event)) continue;
      this.#connection?.off(event, each.onFired);
      this.#connection?.off(event, each.listener as never);
    }
    this.#subscriptions = this.#subscriptions.filter((each) => !isMeant(each));
  }

  /** Puts everything but what concerns states on a connection; what is set later goes there too. */
  installOn(connection: NetworkConnection): void {
    this.#connection = connection;
    for (const subscription of this.#subscriptions) attach(subscription, connection);
    for (const [name, { callback, options }] of this.#channels)
      connection.setChannelMessageCallback(name, callback, options);
    if (this.#message !== undefined) connection.setMessageCallback(this.#message.callback, this.#message.options);
  }

  /** Tells of a state; what a callback throws or rejects with goes to the `error` listeners and stops nothing. */
  reportState(state: ConnectionState, error: NetworkError | undefined): void {
    const callback = this.#stateCallback;
    if (callback !== null) this.#guarded('state callback', () => callback(state, error));
    this.emit('state', state, error);
  }

  /** Tells the listeners of an event that is the handle's own; guarded as `reportState` is. */
  emit<E extends keyof HandleEvents>(event: E, ...values: Parameters<HandleEvents[E]>): void {
    for (const subscription of this.#subscriptions.filter((each) => each.event === event)) {
      if (subscription.isOnce) subscription.onFired();
      this.#guarded(`"${event}" listener`, () => (subscription.listener as (...all: unknown[]) => unknown)(...values));
    }
  }

  /** The user is gone: nothing is called any more. */
  clear(): void {
    this.#stateCallback = null;
    this.#message = undefined;
    this.#channels.clear();
    this.#subscriptions = [];
    this.#connection = undefined;
  }

  #guarded(what: string, call: () => unknown): void {
    const fail = (cause: unknown): void => {
      this.#reportError(new NetworkError('CallbackFailed', `a ${what} failed: ${String(cause)}`, cause));
    };
    try {
      const returned = call();
      if (returned instanceof Promise) returned.catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  #reportError(error: NetworkError): void {
    const subscriptions = this.#subscriptions.filter(({ event }) => event === 'error');
    if (subscriptions.length === 0) process.emitWarning(error);
    for (const subscription of subscriptions) {
      if (subscription.isOnce) this.unsubscribe('error', subscription.listener);
      try {
        (subscription.listener as HandleEvents['error'])(error);
      } catch (thrown) {
        process.emitWarning(new NetworkError('CallbackFailed', 'an "error" listener threw', thrown));
      }
    }
  }
}

function attach({ event, listener, isOnce, onFired }: Subscription, connection: NetworkConnection): void {
  if (!isOfConnection(event)) return;
  if (isOnce) connection.once(event, onFired).once(event, listener as never);
  else connection.on(event, listener as never);
}

function isOfConnection(event: keyof HandleEvents): event is keyof ConnectionEvents {
  return !OWN_EVENTS.has(event);
}
