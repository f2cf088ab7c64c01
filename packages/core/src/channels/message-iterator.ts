import type { ConsumerLease, ConsumerOptions, MessageConsumer } from '../api/channel.js';
import type { CloseReason } from '../api/connection-types.js';
import { NetworkError } from '../result/network-error.js';
import { Fifo } from './fifo.js';

/** The functions of a channel that an iteration calls. */
export interface MessageSource {
  take(consumer: MessageConsumer, options: ConsumerOptions): ConsumerLease;
  /** Begins to receive, on a connection that a server accepted. */
  startReceiving(): void;
  /** The iteration has asked for its first message. */
  began(): void;
  /** The iteration is over, and had begun. */
  ended(): void;
}

interface Waiter {
  readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
  readonly reject: (reason: unknown) => void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
const OPTIONS: ConsumerOptions = { name: 'a loop over messages()' };

/**
 * The messages of a channel as an async iterator. It holds the channel's lease only while a caller waits for a message.
 * Other messages stay in the channel: they use the peer's window, and the next consumer finds them.
 */
export class MessageIterator implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #source: MessageSource;
  readonly #signal: AbortSignal | undefined;
  readonly #waiters = new Fifo<Waiter>();
  readonly #consumer: MessageConsumer;
  #lease: ConsumerLease | undefined;
  #hasBegun = false;
  #isOver = false;
  /** The failure that the first `next()` after the end throws. */
  #failure: { readonly reason: unknown } | undefined;

  constructor(source: MessageSource, signal?: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
    this.#consumer = {
      onMessage: (data) => {
        // The waiter runs in a microtask. The next message must not get its own microtask before that, because another
        // consumer could take it first. The lease is back by then: the waiter may ask again or set a callback.
        this.#waiters.shift()?.resolve({ done: false, value: data });
        if (this.#waiters.length === 0) this.#letGo();
      },
      onEnd: ({ state, error }: CloseReason) => {
        if (state === 'failed') {
          this.#failure = { reason: error ?? new NetworkError('ConnectionClosed', 'the connection has failed') };
        }
        this.#end();
      },
    };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#signal?.aborted === true && !this.#isOver) {
      this.#failure = { reason: this.#signal.reason };
      this.#end();
    }
    if (this.#isOver) return this.#afterTheEnd();
    return new Promise((resolve, reject) => {
      if (this.#waiters.length === 0) {
        // If this throws, the promise rejects with the same value.
        this.#lease = this.#source.take(this.#consumer, OPTIONS);
        if (!this.#hasBegun) this.#source.began();
        this.#hasBegun = true;
        this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
      }
      this.#waiters.push({ resolve, reject });
      if (this.#waiters.length === 1) this.#source.startReceiving();
    });
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#end();
    this.#failure = undefined;
    return Promise.resolve(DONE);
  }

  readonly #onAbort = (): void => {
    this.#failure = { reason: this.#signal?.reason };
    this.#end();
  };

  #letGo(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#lease?.release();
    this.#lease = undefined;
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#letGo();
    if (this.#hasBegun) this.#source.ended();
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift())
      this.#afterTheEnd().then(waiter.resolve, waiter.reject);
  }

  /** Gives the failure to the first caller. All later callers get the end. */
  #afterTheEnd(): Promise<IteratorResult<Uint8Array, undefined>> {
    const failure = this.#failure;
    this.#failure = undefined;
    // The user of the signal chooses its reason, so it may be any value.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    return failure === undefined ? Promise.resolve(DONE) : Promise.reject(failure.reason);
  }
}
