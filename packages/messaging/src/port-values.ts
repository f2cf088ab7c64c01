import { type CloseReason, type ConsumerLease, NetworkError, type Result } from '@entropynet/core';
import { type MessagingConnection, whenClosed } from './messaging-connection.js';

/** Turns a message into a value. The iteration skips a message that fails. */
export type Decoder<T> = (bytes: Uint8Array) => Promise<Result<T>>;

interface Waiter {
  readonly resolve: (message: Uint8Array | undefined) => void;
  readonly reject: (reason: unknown) => void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * The values of a port, one at a time. It is the consumer of the channel from its first moment to its end, and takes a
 * message only when a caller waits for it. On a handle it continues with the next connection, after all messages that
 * had arrived.
 */
export class PortValues<T> implements AsyncIterableIterator<T, undefined> {
  readonly #connection: MessagingConnection;
  readonly #channelName: string | undefined;
  readonly #decode: Decoder<T>;
  readonly #signal: AbortSignal | undefined;
  #unfollow = ignore;
  #unwatch = ignore;
  #unsubscribe = ignore;
  #lease: ConsumerLease;
  #isChannelClosed = false;
  #waiter: Waiter | undefined;
  /** The promise of the latest `next()`, because the calls run one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  /** The end of the connection, or of the handle with its last connection. */
  #closeReason: CloseReason | undefined;
  #isOver = false;
  /** The failure that the first `next()` after the end throws. */
  #failure: { readonly reason: unknown } | undefined;

  /** Throws a `NetworkError` (`AlreadyExists`) if another consumer takes the messages. */
  constructor(
    connection: MessagingConnection,
    channelName: string | undefined,
    decode: Decoder<T>,
    signal: AbortSignal | undefined,
  ) {
    this.#connection = connection;
    this.#channelName = channelName;
    this.#decode = decode;
    this.#signal = signal;
    this.#lease = this.#take();
    if (connection.onConnected !== undefined) {
      this.#unwatch = whenClosed(connection.closed, this.#onClosed);
      this.#unfollow = connection.onConnected(() => {
        if (!this.#lease.isHeld) this.#takeNext();
      });
    }
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted === true) this.#onAbort();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const turn = this.#turn.then(() => this.#nextValue());
    this.#turn = turn.catch(() => {
      // A loop that gets an exception does not call `return`.
      this.#end();
    });
    return turn;
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#finish(undefined);
    this.#failure = undefined;
    return Promise.resolve(DONE);
  }

  async #nextValue(): Promise<IteratorResult<T, undefined>> {
    for (let bytes = await this.#nextMessage(); bytes !== undefined; bytes = await this.#nextMessage()) {
      const decoded = await this.#decode(bytes);
      if (decoded.ok) return { done: false, value: decoded.value };
    }
    return DONE;
  }

  /** Returns the next message; undefined at the end. */
  #nextMessage(): Promise<Uint8Array | undefined> {
    if (this.#isOver) return this.#afterTheEnd();
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.#lease.resume();
      this.#connection.startReceiving();
    });
  }

  #take(): ConsumerLease {
    const name = this.#channelName;
    const channel = name === undefined ? this.#connection.defaultChannel : this.#connection.channel(name);
    const lease = channel.take(
      {
        onMessage: (data) => {
          const waiter = this.#waiter;
          this.#waiter = undefined;
          lease.pause();
          waiter?.resolve(data);
        },
        onEnd: (reason) => {
          this.#onEnd(reason);
        },
      },
      { name: 'a typed port', isPaused: true, unreadFirst: true },
    );
    this.#unsubscribe();
    this.#unsubscribe = channel.subscribe('closed', () => {
      this.#isChannelClosed = true;
    });
    return lease;
  }

  /** The connection ended, or the channel was closed, and all messages that had arrived were taken. */
  #onEnd(reason: CloseReason): void {
    if (this.#connection.onConnected === undefined || this.#isChannelClosed) this.#finish(reason);
    else if (this.#closeReason !== undefined) this.#finish(this.#closeReason);
    else if (this.#connection.isConnected()) this.#takeNext();
  }

  /** Continues with the present connection of the handle. */
  #takeNext(): void {
    try {
      this.#lease = this.#take();
      if (this.#waiter !== undefined) this.#lease.resume();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The handle gets no further connection. */
  readonly #onClosed = (reason: CloseReason): void => {
    this.#closeReason = reason;
    if (!this.#lease.isHeld) this.#finish(reason);
  };

  readonly #onAbort = (): void => {
    this.#fail(this.#signal?.reason);
  };

  /** Ends in the same way as the connection: without an error, or with the error of a failed connection. */
  #finish(reason: CloseReason | undefined): void {
    if (reason?.state === 'failed') {
      this.#fail(reason.error ?? new NetworkError('ConnectionClosed', 'the connection has failed'));
    } else this.#end();
  }

  #fail(reason: unknown): void {
    if (!this.#isOver) this.#failure = { reason };
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#unfollow();
    this.#unwatch();
    this.#unsubscribe();
    this.#lease.release();
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter !== undefined) this.#afterTheEnd().then(waiter.resolve, waiter.reject);
  }

  #afterTheEnd(): Promise<undefined> {
    const failure = this.#failure;
    this.#failure = undefined;
    // The user of the signal chooses its reason, so it may be any value.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    return failure === undefined ? Promise.resolve(undefined) : Promise.reject(failure.reason);
  }
}

function ignore(): void {
  // Nothing to do.
}
