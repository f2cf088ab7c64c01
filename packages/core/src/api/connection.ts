import type { Result } from '../result/result.js';
import type { Channel } from './channel.js';
import type { ConnectionPeer } from './connection-peer.js';
import type { ConnectionEvents } from './connection-events.js';
import type {
  CloseReason,
  ConnectionBackend,
  ConnectionState,
  ConnectionStats,
  ConnectionType,
  InPlaceCallbackOptions,
  InPlaceMessageCallback,
  InPlaceWriter,
  MessageCallback,
  MessageCallbackOptions,
  MessagesOptions,
  StateCallback,
  UnconfirmedSends,
} from './connection-types.js';
import type { SendClaim } from './send-claim.js';

/**
 * A connection. It behaves the same on every transport. `NetworkConnection` and a manager's `ConnectionHandle`
 * implement it. Operations return a `Result` and never throw for an operational failure; a wrong argument type throws a
 * `TypeError`. Methods without a channel's name use the default channel.
 */
export interface Connection {
  /**
   * Resolves after the connection has ended and reported its state, with the final state and the error. It never
   * rejects. Each `connect()` after an end makes a new promise. The promise of a handle resolves at `close()`, or at an
   * end after which the handle does not reconnect.
   */
  readonly closed: Promise<CloseReason>;

  /** The channel without a name. It is open as long as the connection. */
  readonly defaultChannel: Channel;

  /**
   * Returns the channel of that name, open or not. It is the same object until the channel is closed, then a new one. A
   * handle's channel uses the handle's current connection; the program has to open it again on the next one. Throws a
   * `RangeError` unless the name is 1 to 255 bytes of UTF-8.
   */
  channel(name: string): Channel;

  /** Returns the named channels that are open now, in the order in which this side learned of them. */
  channels(): Channel[];

  /**
   * Connects. It returns ok if the connection is connected. During another `connect()` it returns the outcome of that
   * one. During a `disconnect()` it first waits for the end. Any callback may call it. A raw connection drops unread
   * messages of the connection before; a handle keeps them for the next consumer, unless this side had disconnected.
   * Errors: `TransportUnavailable` (nobody listens), `Timeout`, `Aborted`, `IncompatibleVersion` and others, which
   * `docs/errors.md` lists.
   */
  connect(options?: { readonly signal?: AbortSignal }): Promise<Result>;

  /**
   * Ends the connection, within `sendTimeoutMs`. If a `send` resolved ok, its message reaches the peer first. Sends
   * that still wait return `ConnectionClosed`. After it has resolved, no callback starts. A call during another one
   * returns the outcome of that one. `ConnectionClosed`: the goodbye did not reach the peer. `Aborted`: the signal of
   * one of the calls ended the wait, and messages that the peer had not received are lost.
   */
  disconnect(options?: { readonly signal?: AbortSignal }): Promise<Result>;

  /** `Channel.send` of the default channel. */
  send(data: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Result>;
  /** `Channel.trySend` of the default channel. */
  trySend(data: Uint8Array): Result;
  /** `Channel.trySendBatch` of the channel of that name, or of the default channel. */
  trySendBatch(messages: readonly Uint8Array[], options?: { readonly channel?: string }): Result<number>;
  /**
   * Sends a message that may get lost, if the transport can (`capabilities.unreliable`); otherwise the same as `send`.
   */
  sendUnreliable(data: Uint8Array): Promise<Result>;
  /** `Channel.trySendWith` of the default channel. */
  trySendWith(length: number, write: InPlaceWriter): Result;
  /** `Channel.claim` of the default channel. */
  claim(length: number): Result<SendClaim>;
  /** `Channel.messages` of the channel of that name, or of the default channel. */
  messages(options?: MessagesOptions): AsyncIterableIterator<Uint8Array, undefined>;
  /** `Channel.setMessageCallback` of the default channel. */
  setMessageCallback(callback: MessageCallback | null, options?: MessageCallbackOptions): void;
  /** `Channel.setMessageCallback` of the default channel, for a function that reads in place. */
  setMessageCallback(callback: InPlaceMessageCallback | null, options: InPlaceCallbackOptions): void;
  /**
   * Sets the function that receives each state change, once and in order, before the `state` listeners. Null removes
   * it.
   */
  setStateCallback(callback: StateCallback | null): void;

  /** Whether named channels work. True on every built-in transport; false for a handle without a connection. */
  supportsMultipleChannels(): boolean;
  /** `Channel.open` of the channel of that name. `InvalidParameter`: the name is not 1 to 255 bytes of UTF-8. */
  openChannel(name: string, options?: { readonly signal?: AbortSignal }): Promise<Result>;
  /** `Channel.close` of the channel of that name. Ok if no channel of that name is open. */
  closeChannel(name: string, options?: { readonly signal?: AbortSignal }): Promise<Result>;
  /** `Channel.isOpen` of the channel of that name. */
  isChannelOpen(name: string): boolean;
  /** `Channel.send` of the channel of that name. */
  sendOnChannel(name: string, data: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Result>;
  /** `Channel.trySend` of the channel of that name. */
  trySendOnChannel(name: string, data: Uint8Array): Result;
  /** `Channel.setMessageCallback` of the channel of that name. */
  setChannelMessageCallback(name: string, callback: MessageCallback | null, options?: MessageCallbackOptions): void;
  /** `Channel.setMessageCallback` of the channel of that name, for a function that reads in place. */
  setChannelMessageCallback(
    name: string,
    callback: InPlaceMessageCallback | null,
    options: InPlaceCallbackOptions,
  ): void;

  /** Whether the state is `connected`. */
  isConnected(): boolean;
  /**
   * Whether a server accepted it. After its end, only its client can connect again: here `connect()` returns
   * `NotSupported`.
   */
  readonly wasAccepted: boolean;
  /** Returns the current state. */
  getState(): ConnectionState;
  /**
   * Returns `local` if the peer is on this machine, `remote` if it may be on another one; undefined for a handle
   * without a connection.
   */
  getType(): ConnectionType | undefined;
  /** Returns the name of the transport in use; undefined for a handle without a connection. */
  getBackend(): ConnectionBackend | undefined;
  /** The identity of the peer, as far as the transport knows it. Empty before the first connection. */
  readonly peer: ConnectionPeer;
  /**
   * The round trip of the last heartbeat ping, in milliseconds. It includes the time that the ping waited behind other
   * data. Undefined before the first answer, after the end, and on transports without a ping (shared memory, WebSocket
   * in a page).
   */
  readonly roundTripMs: number | undefined;
  /** Returns a frozen snapshot of the counters. Each `connect()` resets them. */
  getStats(): ConnectionStats;
  /**
   * Returns upper bounds of the accepted messages and bytes that may not have reached the peer. They stay after an end.
   */
  unconfirmedSends(): UnconfirmedSends;
  /** Returns how often a `trySend` returned `WouldBlock` since connecting. */
  wouldBlockCount(): number;
  /** Whether the connection is ending its callbacks: no further callback starts. */
  isShuttingDown(): boolean;

  /**
   * Starts receiving on a connection that a server accepted. Call it once, after you have set the callbacks; the
   * connection has kept the messages that arrived before. It has no effect on other connections, nor on handles, which
   * receive from the start.
   */
  startReceiving(): void;

  /**
   * Adds a listener. If a listener throws or its promise rejects, an `error` event with the code `CallbackFailed`
   * follows, and the other listeners run. Throws a `TypeError` for an unknown event.
   */
  on<E extends keyof ConnectionEvents>(event: E, listener: ConnectionEvents[E]): this;
  /** Adds a listener that is called once. */
  once<E extends keyof ConnectionEvents>(event: E, listener: ConnectionEvents[E]): this;
  /** Removes a listener. Without one, removes all listeners of the event that `on` and `once` have added. */
  off<E extends keyof ConnectionEvents>(event: E, listener?: ConnectionEvents[E]): this;
  /**
   * Adds a listener for a library: `off(event)` without a listener does not remove it. It runs before the program's
   * listeners, gets only later events, and otherwise behaves like them.
   * @returns a function that removes the listener
   */
  subscribe<E extends Exclude<keyof ConnectionEvents, 'message' | 'error'>>(
    event: E,
    listener: ConnectionEvents[E],
  ): () => void;

  /** Makes the idle connection keep the process alive (the default). */
  ref(): void;
  /** Lets the process end although the connection is open and idle. */
  unref(): void;

  /** Calls `disconnect()`, or `close()` on a handle, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
