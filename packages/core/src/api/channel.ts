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

/** The events of a channel, for `on`, `once` and `off`. A promise that a listener returns is watched, never awaited. */
export interface ChannelEvents {
  /** A message arrived. The listener owns the bytes and shares them with the other listeners. */
  message: (data: Uint8Array) => unknown;
  /** The channel has room again after a `trySend` gave `WouldBlock`. */
  drain: () => unknown;
  /** Either side closed the channel. An end of the whole connection is not told here: see `Connection.closed`. */
  closed: () => unknown;
}

/**
 * A frozen snapshot of one channel, for monitoring. It counts from the beginning of the connection, or of the channel where
 * that is later.
 */
export interface ChannelStats {
  /** Messages that the transport has taken whole. */
  readonly messagesSent: number;
  /** Their payload bytes. */
  readonly bytesSent: number;
  /** Bytes that may be sent before the peer gives window back; each frame counts 64 more than its payload. */
  readonly sendWindow: number;
  /** Messages that wait to be written. */
  readonly waitingMessages: number;
  /** Frames that have arrived and wait for a consumer. */
  readonly unreadFrames: number;
}

/**
 * One channel of a connection: messages in order, with a window of their own, so that a slow channel delays no other.
 *
 * `connection.channel(name)` gives the same object for a name until the channel is closed. `connection.defaultChannel`
 * has no name, is open as long as the connection, and can't be closed. Operations return a `Result` and never throw for
 * an operational failure; a wrong argument type throws a `TypeError`.
 */
export interface Channel {
  /** 1 to 255 bytes of UTF-8; undefined for the default channel. */
  readonly name: string | undefined;

  /** Whether the channel can be sent on: the connection is connected, and either side has opened the channel. */
  readonly isOpen: boolean;

  /**
   * Opens the channel and tells the peer; ok when the transport has taken that. Ok when it is open already.
   * `ResourceLimitExceeded`: too many channels are open; `ConnectionClosed`; `Aborted`: stopped waiting for the channel.
   */
  open(options?: { readonly signal?: AbortSignal }): Promise<Result>;

  /**
   * Closes the channel on both sides. What was sent before arrives first; what the peer sends later gives
   * `ConnectionClosed` there. Afterwards the name can be opened again. Takes at most `sendTimeoutMs`. Ok when it is not
   * open. `InvalidParameter`: the default channel; `NotSupported`: the peer's release can't close channels.
   */
  close(options?: { readonly signal?: AbortSignal }): Promise<Result>;

  /**
   * Sends one message; ok when the transport has accepted it whole, in order. The caller may use the bytes again at once.
   * Not delivered: `Timeout`, `Aborted`, `MessageTooLarge`, `ResourceLimitExceeded`, `ConnectionClosed`, `PeerDied`, and
   * `InvalidParameter` where the channel is not open.
   */
  send(data: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Result>;

  /** Sends one message now or not at all. `WouldBlock`: nothing was queued, `drain` follows. */
  trySend(data: Uint8Array): Result;

  /**
   * `trySend` for several messages; cheaper than one by one. A wrong type throws before anything is sent.
   * @returns how many were taken, from the first on; an error where not even the first could be sent
   */
  trySendBatch(messages: readonly Uint8Array[]): Result<number>;

  /**
   * Sends one message of `length` bytes now or not at all, written by `write` straight into the transport: no array and no
   * copy is made. `write` runs at most once, before this returns. Where it throws, nothing is sent and the error is thrown
   * on; what it sends on the connection itself gives `WouldBlock`. For a message of more than one frame, `write` fills memory of its own.
   * `WouldBlock`, `MessageTooLarge`, `ConnectionClosed`, `InvalidParameter`.
   */
  trySendWith(length: number, write: InPlaceWriter): Result;

  /**
   * Room for one message of `length` bytes inside the transport, for sending without a copy. The connection owns the
   * bytes. The whole connection sends nothing else until commit or abort. `WouldBlock`, `MessageTooLarge`,
   * `ConnectionClosed`, `InvalidParameter`.
   */
  claim(length: number): Result<SendClaim>;

  /**
   * The messages, for `for await`; the loop owns their bytes. A loop takes the messages only while it waits for one, so a
   * slow loop holds the peer back, and the next consumer of a loop that was left goes on with the next message.
   * Throws a `NetworkError` (`AlreadyExists`) where another consumer takes the messages; a `next()` that comes later
   * rejects with it.
   */
  messages(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterableIterator<Uint8Array, undefined>;

  /**
   * Sets the function that receives the messages; null removes it. What arrived before is delivered in order, from a
   * microtask. Without a consumer the channel keeps what arrives and holds the peer back. Replacing a callback by
   * another one is allowed; throws a `NetworkError` (`AlreadyExists`) where a consumer of another kind takes the messages.
   */
  setMessageCallback(callback: MessageCallback | null, options?: MessageCallbackOptions): void;
  /** Sets a function that reads the messages where they lie. */
  setMessageCallback(callback: InPlaceMessageCallback | null, options: InPlaceCallbackOptions): void;

  /**
   * Takes the messages for a consumer that is more than a callback: a stream, a port, requests. It is the channel's
   * only consumer until it releases the lease, or until the connection has ended and everything that had arrived was
   * handed over. Throws a `NetworkError` (`AlreadyExists`) that names the present consumer.
   */
  take(consumer: MessageConsumer, options: ConsumerOptions): ConsumerLease;

  /** What was sent on it, and what waits on either side; all zero while the channel is not open. */
  getStats(): ChannelStats;

  /** Adds a listener. `message` listeners and the message callback are one consumer: see `setMessageCallback`. */
  on<E extends keyof ChannelEvents>(event: E, listener: ChannelEvents[E]): this;
  /** Adds a listener that is called once. After a `once('message')` the channel keeps the messages that follow. */
  once<E extends keyof ChannelEvents>(event: E, listener: ChannelEvents[E]): this;
  /** Removes a listener, or all of the program's listeners of the event where none is given. */
  off<E extends keyof ChannelEvents>(event: E, listener?: ChannelEvents[E]): this;
  /**
   * Adds a listener for a library that stands on the channel: `off(event)` leaves it. It is told before the program's
   * listeners, and is otherwise as they are. Returns its remover. `take()` is what a library does for messages.
   */
  subscribe<E extends Exclude<keyof ChannelEvents, 'message'>>(event: E, listener: ChannelEvents[E]): () => void;
}

/** What takes a channel's messages under a lease. Both methods run guarded, as callbacks do. */
export interface MessageConsumer {
  /** One whole message, in order. It may pause or release the lease: then the next message waits in the channel. */
  onMessage(data: Uint8Array): unknown;
  /**
   * The connection that the lease was taken on ended, and every message that had arrived was handed over. Called once,
   * after the state was reported; the lease is released by then. Not called after `release()`.
   */
  onEnd?(reason: CloseReason): unknown;
}

/** How a consumer takes messages. */
export interface ConsumerOptions {
  /** What it is, with its article, for the error that the next taker gets: `'a stream'`. */
  readonly name: string;
  /**
   * Who owns the bytes, as for a message callback.
   * @default 'copy'
   */
  readonly ownership?: MessageOwnership;
  /**
   * Takes no message before `resume()`.
   * @default false
   */
  readonly isPaused?: boolean;
}

/** The right to take a channel's messages. One at a time exists for a channel. */
export interface ConsumerLease {
  /** False after `release()`, and after the end of the connection that the lease was taken on. */
  readonly isHeld: boolean;
  /** Takes no more messages for now: the channel keeps what arrives and holds the peer back. */
  pause(): void;
  /** Takes messages again; what was kept comes first, from a microtask. */
  resume(): void;
  /** Gives the channel up. What was not handed over waits for the next consumer. Idempotent. */
  release(): void;
}
