import { NetworkError } from '../result/network-error.js';
import type { ConnectionEvents } from '../api/connection-events.js';
import type { ConnectionState, MessageCallback, MessagesOptions } from '../api/connection-types.js';
import { Fifo } from './fifo.js';

/** What an iteration needs of a connection. */
export interface MessageSource {
  /** Where the connection is in its life. */
  getState(): ConnectionState;
  /** Sets who receives the messages of the default channel; null holds the peer back. */
  setMessageCallback(callback: MessageCallback | null): void;
  /** The same for a named channel. */
  setChannelMessageCallback(name: string, callback: MessageCallback | null): void;
  /** Begins to receive, on a connection that a server accepted. */
  startReceiving(): void;
  /** Adds a listener of the connection's end. */
  on(event: 'state', listener: ConnectionEvents['state']): unknown;
  /** Removes it. */
  off(event: 'state', listener: ConnectionEvents['state']): unknown;
}

interface Waiter {
  readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
  readonly reject: (reason: unknown) => void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * The messages of a connection as an async iterator. The callback is set only while somebody waits for a message:
 * what nobody has asked for yet stays parked in the connection, where it holds the peer back, and where whoever
 * receives next finds it.
 */
export class MessageIterator implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #source: MessageSource;
  readonly #channel: string | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #waiters = new Fifo<Waiter>();
  #isStarted = false;
  #isOver = false;
  /** Thrown once, by the first that asks after the end. */
  #failure: { readonly reason: unknown } | undefined;

  constructor(source: MessageSource, { channel, signal }: MessagesOptions = {}) {
    this.#source = source;
    this.#channel = channel;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#isStarted) this.#start();
    if (this.#isOver) return this.#afterTheEnd();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      if (this.#waiters.length > 1) return;
      this.#setCallback(this.#onMessage);
      this.#source.startReceiving();
      if (hasEnded(this.#source.getState())) this.#endWhenEmpty(undefined);
    });
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#isStarted = true;
    this.#end();
    this.#failure = undefined;
    return Promise.resolve(DONE);
  }

  #start(): void {
    this.#isStarted = true;
    if (this.#signal?.aborted === true) {
      this.#isOver = true;
      this.#failure = { reason: this.#signal.reason };
      return;
    }
    this.#source.on('state', this.#onState);
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  readonly #onMessage = (data: Uint8Array): void => {
    this.#waiters.shift()?.resolve({ done: false, value: data });
    if (this.#waiters.length === 0) this.#setCallback(null);
  };

  readonly #onState = (state: ConnectionState, error?: NetworkError): void => {
    if (hasEnded(state)) this.#endWhenEmpty(error);
  };

  readonly #onAbort = (): void => {
    this.#failure = { reason: this.#signal?.reason };
    this.#end();
  };

  /** The connection has ended. What is parked is delivered from a microtask that is queued already: it comes first. */
  #endWhenEmpty(error: NetworkError | undefined): void {
    if (error !== undefined) this.#failure ??= { reason: error };
    queueMicrotask(() => {
      // Whoever is served has to ask again, and then finds the connection ended.
      if (this.#waiters.length === 0 || this.#isOver || !hasEnded(this.#source.getState())) return;
      if (this.#source.getState() === 'failed')
        this.#failure ??= { reason: new NetworkError('ConnectionClosed', 'the connection has failed') };
      this.#end();
    });
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#source.off('state', this.#onState);
    this.#signal?.removeEventListener('abort', this.#onAbort);
    if (this.#waiters.length > 0) this.#setCallback(null);
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift())
      this.#afterTheEnd().then(waiter.resolve, waiter.reject);
  }

  /** The failure goes to the first that asks; the rest are told that there is no more. */
  #afterTheEnd(): Promise<IteratorResult<Uint8Array, undefined>> {
    const failure = this.#failure;
    this.#failure = undefined;
    // The reason of a signal is its user's to choose.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    return failure === undefined ? Promise.resolve(DONE) : Promise.reject(failure.reason);
  }

  #setCallback(callback: MessageCallback | null): void {
    if (this.#channel === undefined) this.#source.setMessageCallback(callback);
    else this.#source.setChannelMessageCallback(this.#channel, callback);
  }
}

function hasEnded(state: ConnectionState): boolean {
  return state === 'disconnected' || state === 'failed';
}
