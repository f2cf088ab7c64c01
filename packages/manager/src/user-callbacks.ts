import {
  type ConnectionEvents,
  type ConnectionState,
  type MessageCallback,
  type MessageCallbackOptions,
  type NetworkConnection,
  NetworkError,
  type StateCallback,
} from '@entropynet/core';

type AnyListener = ConnectionEvents[keyof ConnectionEvents];

interface Subscription {
  readonly event: keyof ConnectionEvents;
  readonly listener: AnyListener;
  readonly isOnce: boolean;
}

interface MessageTaker {
  readonly callback: MessageCallback | null;
  readonly options: MessageCallbackOptions | undefined;
}

/**
 * What a user set on a handle, kept for the connection that it will get: a handle has callbacks before it has a
 * connection, and keeps them when a new attempt brings another one.
 */
export class UserCallbacks {
  stateCallback: StateCallback | null = null;
  /** Undefined while the user has not set one, so that an adopted connection keeps its own. */
  message: MessageTaker | undefined;
  readonly channels = new Map<string, MessageTaker>();
  #subscriptions: Subscription[] = [];

  subscribe(event: keyof ConnectionEvents, listener: AnyListener, isOnce: boolean): void {
    this.#subscriptions.push({ event, listener, isOnce });
  }

  unsubscribe(event: keyof ConnectionEvents, listener: AnyListener | undefined): void {
    this.#subscriptions = this.#subscriptions.filter(
      (each) => each.event !== event || (listener !== undefined && each.listener !== listener),
    );
  }

  /** Puts everything but the state callback on a connection. */
  installOn(connection: NetworkConnection): void {
    for (const { event, listener, isOnce } of this.#subscriptions) {
      if (event === 'state') continue;
      if (isOnce) connection.once(event, listener as never);
      else connection.on(event, listener as never);
    }
    for (const [name, { callback, options }] of this.channels)
      connection.setChannelMessageCallback(name, callback, options);
    if (this.message !== undefined) connection.setMessageCallback(this.message.callback, this.message.options);
  }

  /** Tells of a state; what a callback throws becomes a warning of the process and stops nothing. */
  reportState(state: ConnectionState, error: NetworkError | undefined): void {
    const callback = this.stateCallback;
    if (callback !== null) guarded(() => callback(state, error));
    for (const subscription of [...this.#subscriptions]) {
      if (subscription.event !== 'state') continue;
      if (subscription.isOnce) this.unsubscribe('state', subscription.listener);
      guarded(() => {
        (subscription.listener as ConnectionEvents['state'])(state, error);
      });
    }
  }

  /** The user is gone: nothing is called any more. */
  clear(): void {
    this.stateCallback = null;
    this.message = undefined;
    this.channels.clear();
    this.#subscriptions = [];
  }
}

function guarded(call: () => unknown): void {
  const fail = (error: unknown): void => {
    process.emitWarning(new NetworkError('CallbackFailed', `a state callback failed: ${String(error)}`, error));
  };
  try {
    const returned = call();
    if (returned instanceof Promise) returned.catch(fail);
  } catch (error) {
    fail(error);
  }
}
