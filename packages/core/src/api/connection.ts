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
 * Everything a program does with a connection, the same on every transport, for a `NetworkConnection` and for a manager's
 * `ConnectionHandle`. Operations return a `Result` and never throw for an operational failure; a wrong argument type
 * throws a `TypeError`. Sending and receiving without a channel's name means the default channel.
 */
export interface Connection {
  /**
   * Resolves when the connection has ended, after the state was reported, with how it ended; never rejects. Each
   * `connect()` that begins after an end makes a new promise. A handle's promise resolves at `close()`, or at an end
   * that no reconnection follows.
   */
  readonly closed: Promise<CloseReason>;

  /** The channel without a name. It is open as long as the connection. */
  readonly defaultChannel: Channel;

  /**
   * The channel of that name, open or not: the same object until the channel is closed, then a new one. A handle's
   * channel follows the handle's current connection and has to be opened again on the next one. Throws a `RangeError`
   * unless the name is 1 to 255 bytes of UTF-8.
   */
  channel(name: string): Channel;

  /** The named channels that are open now, in the order in which they became known. */
  channels(): Channel[];

  /**
   * Connects. Ok when connected already; the same outcome as a `connect()` under way; after a `disconnect()` under way,
   * connects when that is done. `docs/errors.md` lists the codes. May be called from inside any callback. What arrived before
   * and was not read is dropped by a raw connection; a handle keeps it for the next reader, unless this side had disconnected.
   */
  connect(options?: { readonly signal?: AbortSignal }): Promise<Result>;

  /**
   * Ends the connection, within `sendTimeoutMs`. Every message whose `send` resolved ok reaches the peer first; sends that
   * still wait end with `ConnectionClosed` and do not delay it. No callback starts after it resolved. Idempotent.
   * `ConnectionClosed`: the goodbye did not reach the peer; `Aborted`: the first call's signal ended the wait, and what
   * the peer had not taken is lost.
   */
  disconnect(options?: { readonly signal?: AbortSignal }): Promise<Result>;

  /** As `Channel.send`. */
  send(data: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Result>;
  /** As `Channel.trySend`. */
  trySend(data: Uint8Array): Result;
  /** As `Channel.trySendBatch`, on the channel of that name or on the default channel. */
  trySendBatch(messages: readonly Uint8Array[], options?: { readonly channel?: string }): Result<number>;
  /** Sends without the promise of delivery where the transport can; otherwise as `send` (see its capabilities). */
  sendUnreliable(data: Uint8Array): Promise<Result>;
  /** As `Channel.trySendWith`. */
  trySendWith(length: number, write: InPlaceWriter): Result;
  /** As `Channel.claim`. */
  claim(length: number): Result<SendClaim>;
  /** As `Channel.messages`, on the channel of that name or on the default channel. */
  messages(options?: MessagesOptions): AsyncIterableIterator<Uint8Array, undefined>;
  /** As `Channel.setMessageCallback`. */
  setMessageCallback(callback: MessageCallback | null, options?: MessageCallbackOptions): void;
  /** As `Channel.setMessageCallback`, for a function that reads in place. */
  setMessageCallback(callback: InPlaceMessageCallback | null, options: InPlaceCallbackOptions): void;
  /** Sets the function that receives each real transition, once and in order, before the `state` listeners. */
  setStateCallback(callback: StateCallback | null): void;

  /** Whether named channels work; true on every transport that comes with EntropyNet. False for a handle without connection. */
  supportsMultipleChannels(): boolean;
  /** As `Channel.open`; `InvalidParameter` for an impossible name. */
  openChannel(name: string, options?: { readonly signal?: AbortSignal }): Promise<Result>;
  /** As `Channel.close`; ok where no channel of that name is open. */
  closeChannel(name: string, options?: { readonly signal?: AbortSignal }): Promise<Result>;
  /** As `Channel.isOpen`. */
  isChannelOpen(name: string): boolean;
  /** As `Channel.send`, on the channel of that name. */
  sendOnChannel(name: string, data: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Result>;
  /** As `Channel.trySend`, on the channel of that name. */
  trySendOnChannel(name: string, data: Uint8Array): Result;
  /** As `Channel.setMessageCallback`, on the channel of that name. */
  setChannelMessageCallback(name: string, callback: MessageCallback | null, options?: MessageCallbackOptions): void;
  /** As `Channel.setMessageCallback`, on the channel of that name, for a function that reads in place. */
  setChannelMessageCallback(
    name: string,
    callback: InPlaceMessageCallback | null,
    options: InPlaceCallbackOptions,
  ): void;

  /** Whether the state is `connected`. */
  isConnected(): boolean;
  /** Whether a server accepted it: then only its client can make it again, and `connect()` gives `NotSupported`. */
  readonly wasAccepted: boolean;
  /** Where the connection is in its life. */
  getState(): ConnectionState;
  /** Whether the peer is on this machine (`local`) or may be on another (`remote`); undefined for a handle without connection. */
  getType(): ConnectionType | undefined;
  /** The name of the transport in use; undefined for a handle without connection. */
  getBackend(): ConnectionBackend | undefined;
  /** What the transport knows of the peer; empty for a handle without connection. */
  readonly peer: ConnectionPeer;
  /**
   * How long the last answered question to the peer took, in milliseconds, behind whatever was on the way in front of it.
   * Undefined before the first answer, after the end, and on transports that ask nothing (shared memory, pages).
   */
  readonly roundTripMs: number | undefined;
  /** A frozen snapshot. The counters start anew with each connection. */
  getStats(): ConnectionStats;
  /** What was accepted for sending and may not have reached the peer: upper bounds. Stays after an end. */
  unconfirmedSends(): UnconfirmedSends;
  /** How often a `trySend` gave `WouldBlock` since connecting. */
  wouldBlockCount(): number;
  /** Whether the connection's callbacks are being shut. */
  isShuttingDown(): boolean;

  /**
   * Begins to receive on a connection that a server accepted: to be called once, after the callbacks are set. What the
   * peer sent before is kept. Without effect on other connections, and on handles, which receive from the start.
   */
  startReceiving(): void;

  /**
   * Adds a listener. Each listener runs by itself: what it throws, or what its promise rejects with, becomes an `error`
   * event with code `CallbackFailed`. Throws a `TypeError` for an event that does not exist.
   */
  on<E extends keyof ConnectionEvents>(event: E, listener: ConnectionEvents[E]): this;
  /** Adds a listener that is called once. */
  once<E extends keyof ConnectionEvents>(event: E, listener: ConnectionEvents[E]): this;
  /** Removes a listener, or all of the program's listeners of the event where none is given. */
  off<E extends keyof ConnectionEvents>(event: E, listener?: ConnectionEvents[E]): this;
  /**
   * Adds a listener for a library that stands on the connection: `off(event)` leaves it. It is told before the program's
   * listeners, only of what happens from now on, and is otherwise as they are. Returns its remover.
   */
  subscribe<E extends Exclude<keyof ConnectionEvents, 'message' | 'error'>>(
    event: E,
    listener: ConnectionEvents[E],
  ): () => void;

  /** An idle connection keeps the process alive (the default). */
  ref(): void;
  /** An idle connection does not keep the process alive. */
  unref(): void;

  /** As `disconnect()`; a handle's is `close()`. For `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
