import type { Result } from '../result/result.js';
import type {
  CloseReason,
  InPlaceCallbackOptions,
  InPlaceMessageCallback,
  InPlaceWriter,
  MessageCallback,
  MessageCallbackOptions,
  MessageOwnership,
} from './connection-types.js';
import type { SendClaim } from './send-claim.js';

/**
 * The events of a channel, for `on`, `once` and `off`. A listener may return a promise: nothing waits for it, and its
 * rejection becomes an `error` event of the connection.
 */
export interface ChannelEvents {
  /** A message arrived. The listener owns the bytes and shares them with the other listeners. */
  message: (data: Uint8Array) => unknown;
  /** The channel has room again after a `trySend` returned `WouldBlock`. */
  drain: () => unknown;
  /** Either side closed the channel. The end of the whole connection does not fire it: see `Connection.closed`. */
  closed: () => unknown;
}

/**
 * A frozen snapshot of one channel, for monitoring. The counters start at the connection's beginning, or at the opening
 * of the channel if that was later.
 */
export interface ChannelStats {
  /** The number of messages that the transport has accepted whole. */
  readonly messagesSent: number;
  /** The payload bytes of those messages. */
  readonly bytesSent: number;
  /** Bytes that this side may send before the peer's next window update; each frame counts 64 more than its payload. */
  readonly sendWindow: number;
  /** The number of messages of this side that wait for room. */
  readonly waitingMessages: number;
  /** The number of frames that have arrived and wait for a consumer. */
  readonly unreadFrames: number;
}

/**
 * One channel of a connection. It keeps its messages in order and has a window of its own, so a slow channel delays no
 * other.
 *
 * `connection.channel(name)` returns the same object for a name until the channel is closed.
 * `connection.defaultChannel` has no name, is open as long as the connection, and can't be closed. Operations return a
 * `Result` and never throw for an operational failure; a wrong argument type throws a `TypeError`.
 */
export interface Channel {
  /** The name: 1 to 255 bytes of UTF-8. Undefined for the default channel. */
  readonly name: string | undefined;

  /** Whether the channel can send: the connection is connected, and one of the two sides has opened the channel. */
  readonly isOpen: boolean;

  /**
   * Opens the channel on both sides. It resolves ok when the transport has accepted the announcement to the peer, or at
   * once if the channel is open. `ResourceLimitExceeded`: `maxChannels` channels are open. `ConnectionClosed`: there is
   * no connection, or it ended. `Aborted`: the signal ended the wait; the channel may still open.
   */
  open(options?: { readonly signal?: AbortSignal }): Promise<Result>;

  /**
   * Closes the channel on both sides. Messages that were sent before arrive first. Later sends of the peer return
   * `ConnectionClosed`. Afterwards either side can open the name again. It takes at most `sendTimeoutMs`, and returns
   * ok if the channel is not open. `InvalidParameter`: the default channel can't be closed. `NotSupported`: the peer's
   * release can't close channels.
   */
  close(options?: { readonly signal?: AbortSignal }): Promise<Result>;

  /**
   * Sends one message, and waits for room up to `sendTimeoutMs`. It resolves ok when the transport has accepted the
   * whole message, in order. The caller may change the bytes as soon as the call has returned. With an error, the
   * message is not delivered: `Timeout`, `Aborted`, `MessageTooLarge`, `ResourceLimitExceeded`, `ConnectionClosed`,
   * `PeerDied`, or `InvalidParameter` if the channel is not open.
   */
  send(data: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Result>;

  /**
   * Sends one message now, or not at all. The caller may change the bytes as soon as the call has returned.
   * `WouldBlock`: nothing was queued, and the `drain` event follows. Other errors are those of `send`.
   */
  trySend(data: Uint8Array): Result;

  /**
   * Sends several messages as `trySend` does, which costs less than one call for each. A wrong type throws before
   * anything is sent.
   * @returns the number of accepted messages, from the first one on; an error if the first one could not be sent
   */
  trySendBatch(messages: readonly Uint8Array[]): Result<number>;

  /**
   * Sends one message of `length` bytes now, or not at all. `write` writes it directly into the transport's buffer, so
   * the call makes no array and no copy. `write` runs at most once, before the call returns. If it throws, nothing is
   * sent and the call throws the error. A send from inside `write` returns `WouldBlock`. For a message of more than one
   * frame, `write` gets an array of its own, and the connection copies it. Errors: `WouldBlock`, `MessageTooLarge`,
   * `ConnectionClosed`, `InvalidParameter`.
   */
  trySendWith(length: number, write: InPlaceWriter): Result;

  /**
   * Reserves room for one message of `length` bytes in the transport's buffer, for sending without a copy. The
   * connection owns the bytes. The whole connection sends nothing else until `commit()` or `abort()`. Errors:
   * `WouldBlock`, `MessageTooLarge`, `ConnectionClosed`, `InvalidParameter`.
   */
  claim(length: number): Result<SendClaim>;

  /**
   * Returns the messages, for `for await`. The loop owns their bytes. A loop takes messages only while it waits for
   * one, so a slow loop holds the peer back. If a program leaves the loop, the next consumer gets the next message. The
   * loop ends with the channel or the connection. If the connection failed, `next()` rejects with its error after the
   * last message; if the signal aborts, with the signal's reason. Throws a `NetworkError` (`AlreadyExists`) if the
   * channel has another consumer; if one comes later, `next()` rejects with it.
   */
  messages(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterableIterator<Uint8Array, undefined>;

  /**
   * Sets the function that receives the messages; null removes it. The function gets earlier messages first, in order,
   * from a microtask. Without a consumer the channel keeps the messages that arrive and, once its window is full, holds
   * the peer back. A callback may replace another one. Throws a `NetworkError` (`AlreadyExists`) if the channel has a
   * consumer of another kind.
   */
  setMessageCallback(callback: MessageCallback | null, options?: MessageCallbackOptions): void;
  /** Sets a function that reads the messages in the transport's buffer. */
  setMessageCallback(callback: InPlaceMessageCallback | null, options: InPlaceCallbackOptions): void;

  /**
   * Makes `consumer` the consumer of the channel, for code that is more than a callback: a stream, a port, requests. It
   * stays the only consumer until it releases the lease, or until the connection has ended and it has received every
   * message that had arrived. Throws a `NetworkError` (`AlreadyExists`) that names the present consumer.
   */
  take(consumer: MessageConsumer, options: ConsumerOptions): ConsumerLease;

  /** Returns the counters of the channel. All are 0 while the channel is not open. */
  getStats(): ChannelStats;

  /** Adds a listener. `message` listeners and the message callback are one consumer: see `setMessageCallback`. */
  on<E extends keyof ChannelEvents>(event: E, listener: ChannelEvents[E]): this;
  /** Adds a listener that is called once. After a `once('message')` the channel keeps the messages that follow. */
  once<E extends keyof ChannelEvents>(event: E, listener: ChannelEvents[E]): this;
  /** Removes a listener. Without one, removes all listeners of the event that `on` and `once` have added. */
  off<E extends keyof ChannelEvents>(event: E, listener?: ChannelEvents[E]): this;
  /**
   * Adds a listener for a library: `off(event)` without a listener does not remove it. It runs before the program's
   * listeners and otherwise behaves like them. For messages, a library calls `take()`.
   * @returns a function that removes the listener
   */
  subscribe<E extends Exclude<keyof ChannelEvents, 'message'>>(event: E, listener: ChannelEvents[E]): () => void;
}

/**
 * A consumer that `take()` puts on a channel. If a method throws, the error becomes an `error` event, as for callbacks.
 */
export interface MessageConsumer {
  /**
   * Receives one whole message, in order. It may pause or release the lease; the next message then waits in the
   * channel. `ConsumerOptions.ownership` names the owner of the bytes.
   */
  onMessage(data: Uint8Array): unknown;
  /**
   * The connection of the lease ended, and the consumer has received every message that had arrived. The channel calls
   * it once, after the connection has reported its state. The lease is already released. It is not called after
   * `release()`.
   */
  onEnd?(reason: CloseReason): unknown;
}

/** How a consumer receives messages. */
export interface ConsumerOptions {
  /** The kind of the consumer, with its article, such as `'a stream'`. The error of a second `take()` names it. */
  readonly name: string;
  /**
   * The owner of the bytes, as for a message callback.
   * @default 'copy'
   */
  readonly ownership?: MessageOwnership;
  /**
   * Whether the consumer starts paused: it gets no message before `resume()`.
   * @default false
   */
  readonly isPaused?: boolean;
  /**
   * Whether the consumer of a handle first gets the unread messages of earlier connections, as a loop does.
   * @default false
   */
  readonly unreadFirst?: boolean;
}

/** The right to receive a channel's messages. Each channel has at most one lease at a time. */
export interface ConsumerLease {
  /**
   * Whether the consumer still has the channel: false after `release()`, and after the end of the lease's connection.
   */
  readonly isHeld: boolean;
  /**
   * Stops the delivery of messages: the channel keeps those that arrive and, once its window is full, holds the peer
   * back.
   */
  pause(): void;
  /** Continues the delivery. Kept messages come first, from a microtask. */
  resume(): void;
  /**
   * Frees the channel for the next consumer, which gets the messages that were not delivered. A second call has no
   * effect.
   */
  release(): void;
}
