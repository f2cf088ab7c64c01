import {
  type ConnectionBackend,
  type ConnectionPeer,
  type ConnectionEvents,
  type ConnectionState,
  type ConnectionStats,
  type ConnectionType,
  EntropyObject,
  err,
  type Failure,
  type MessageCallback,
  type MessageCallbackOptions,
  type MessagesOptions,
  type NetworkConnection,
  type Result,
  type SendClaim,
  type StateCallback,
  type UnconfirmedSends,
} from '@entropynet/core';
import type { ConnectionManager } from './connection-manager.js';
import type { ConnectionSlot } from './connection-slot.js';
import { type HandleEvents, NO_RECONNECTION, type ReconnectEvents, type ReconnectionStatus } from './handle-events.js';
import type { Selection } from './selection.js';

const NO_STATS: ConnectionStats = Object.freeze({
  bytesSent: 0,
  bytesReceived: 0,
  messagesSent: 0,
  messagesReceived: 0,
  connectTime: 0,
  lastActivityTime: 0,
});

const NO_SENDS: UnconfirmedSends = Object.freeze({ messages: 0, bytes: 0 });

/**
 * A user's hold on a connection of a manager: manager, slot index, generation. Copies are equal. After `close()` every
 * copy is invalid: operations give `InvalidParameter`, getters a neutral value, and a slot that is used again is never
 * reached through an old handle. Before the first `connect()`, what needs a connection gives `ConnectionClosed`.
 *
 * Everything named as on `NetworkConnection` does what it does there.
 */
export class ConnectionHandle extends EntropyObject {
  readonly #slot: ConnectionSlot;
  readonly #generation: number;
  readonly #manager: ConnectionManager;

  /** Made by the manager. */
  constructor(manager: ConnectionManager, slot: ConnectionSlot) {
    super();
    this.#manager = manager;
    this.#slot = slot;
    this.#generation = slot.generation;
    this.setHandleIdentity(manager, slot.index, slot.generation);
  }

  /** Whether the handle still stands for its connection. */
  valid(): boolean {
    return this.#slot.generation === this.#generation;
  }

  /** Another handle for the same connection. */
  copy(): ConnectionHandle | undefined {
    return this.valid() ? new ConnectionHandle(this.#manager, this.#slot) : undefined;
  }

  /** Whether both stand for the same connection, valid or not. */
  equals(other: ConnectionHandle): boolean {
    return this.#slot === other.#slot && this.#generation === other.#generation;
  }

  /**
   * Connects by the first transport that can, in the order of the configuration. The signal and `disconnect()` give up
   * all of it; each candidate has the configuration's `connectTimeoutMs`.
   */
  connect(options?: { signal?: AbortSignal }): Promise<Result> {
    return this.valid() ? this.#slot.connect(options?.signal) : Promise.resolve(stale());
  }

  /** Ends the connection as `NetworkConnection.disconnect()` does; the handle can connect again. */
  disconnect(options?: { signal?: AbortSignal }): Promise<Result> {
    return this.valid() ? this.#slot.disconnect(options?.signal) : Promise.resolve(stale());
  }

  /** Ends the connection as `disconnect()` does and gives the slot back. Every copy is invalid at once. Idempotent. */
  close(): Promise<Result> {
    return this.#manager.closeSlot(this.#slot, this.#generation);
  }

  /** Sends one message; ok when the transport has accepted it whole, in order. The bytes may be used again at once. */
  // Hot path: one comparison, one look, and the connection itself.
  send(data: Uint8Array, options?: { signal?: AbortSignal }): Promise<Result> {
    const connection = this.#connection();
    return connection === undefined ? Promise.resolve(this.#unusable()) : connection.send(data, options);
  }

  /** Sends one message now or not at all. `WouldBlock`: nothing was queued, `drain` follows. */
  trySend(data: Uint8Array): Result {
    const slot = this.#slot;
    const connection = slot.connection;
    if (slot.generation !== this.#generation || connection === undefined) return this.#unusable();
    return connection.trySend(data);
  }

  /** `trySend` for several messages; ok with how many were taken, from the first on. */
  trySendBatch(messages: readonly Uint8Array[], options?: { channel?: string }): Result<number> {
    return this.#connection()?.trySendBatch(messages, options) ?? this.#unusable();
  }

  /** As `send`, without the promise of delivery where the transport has such a way. */
  sendUnreliable(data: Uint8Array): Promise<Result> {
    const connection = this.#connection();
    return connection === undefined ? Promise.resolve(this.#unusable()) : connection.sendUnreliable(data);
  }

  /** Room for one message of `length` bytes inside the transport. Nothing else is sent until it is committed or aborted. */
  claim(length: number): Result<SendClaim> {
    return this.#connection()?.claim(length) ?? this.#unusable();
  }

  /** Opens a named channel and tells the peer. Idempotent. */
  openChannel(name: string, options?: { signal?: AbortSignal }): Promise<Result> {
    return this.#connection()?.openChannel(name, options) ?? Promise.resolve(this.#unusable());
  }

  /** Whether a channel can be sent on; false while there is no connection. */
  isChannelOpen(name: string): boolean {
    return this.#connection()?.isChannelOpen(name) ?? false;
  }

  /** As `send`, on a channel that is open. */
  sendOnChannel(name: string, data: Uint8Array, options?: { signal?: AbortSignal }): Promise<Result> {
    return this.#connection()?.sendOnChannel(name, data, options) ?? Promise.resolve(this.#unusable());
  }

  /** As `trySend`, on a channel that is open. */
  trySendOnChannel(name: string, data: Uint8Array): Result {
    return this.#connection()?.trySendOnChannel(name, data) ?? this.#unusable();
  }

  /** Whether messages flow; false while there is no connection. */
  isConnected(): boolean {
    return this.#connection()?.isConnected() ?? false;
  }

  /** `disconnected` for an invalid handle. */
  getState(): ConnectionState {
    return this.valid() ? this.#slot.state : 'disconnected';
  }

  /** Undefined while there is no connection. */
  getType(): ConnectionType | undefined {
    return this.#connection()?.getType();
  }

  /** Undefined while there is no connection. */
  getBackend(): ConnectionBackend | undefined {
    return this.#connection()?.getBackend();
  }

  /** What the transport knows of the peer; empty while there is no connection. */
  get peer(): ConnectionPeer {
    return this.#connection()?.peer ?? {};
  }

  /** All zero while there is no connection. */
  getStats(): ConnectionStats {
    return this.#connection()?.getStats() ?? NO_STATS;
  }

  /** Which transport it got, and for each candidate before it why not that one; undefined before the first success. */
  getSelection(): Selection | undefined {
    return this.valid() ? this.#slot.selection : undefined;
  }

  /** What was accepted for sending and may not have reached the peer: upper bounds; zero before the first connection. */
  unconfirmedSends(): UnconfirmedSends {
    return this.#connection()?.unconfirmedSends() ?? NO_SENDS;
  }

  /** Whether and why the handle is connecting again by itself; all neutral without `reconnect` in the configuration. */
  getReconnection(): ReconnectionStatus {
    return this.valid() ? this.#slot.reconnection : NO_RECONNECTION;
  }

  /** Whether named channels work; false while there is no connection. */
  supportsMultipleChannels(): boolean {
    return this.#connection()?.supportsMultipleChannels() ?? false;
  }

  /** Whether the connection's callbacks are being shut; false while there is no connection. */
  isShuttingDown(): boolean {
    return this.#connection()?.isShuttingDown() ?? false;
  }

  /** Sets who is told of each transition, over all attempts to connect; null: nobody. */
  setStateCallback(callback: StateCallback | null): void {
    if (this.valid()) this.#slot.callbacks.setState(callback);
  }

  /** Sets who receives the messages of the default channel, on every connection that the handle makes. Before the first, too. */
  setMessageCallback(callback: MessageCallback | null, options?: MessageCallbackOptions): void {
    if (this.valid()) this.#slot.callbacks.setMessage(callback, options);
  }

  /** As `setMessageCallback`, for one channel, open or not. */
  setChannelMessageCallback(name: string, callback: MessageCallback | null, options?: MessageCallbackOptions): void {
    if (this.valid()) this.#slot.callbacks.setChannel(name, callback, options);
  }

  /** As on `NetworkConnection`, of the connection that the handle has now. Throws a `NetworkError` where it has none. */
  messages(options?: MessagesOptions): AsyncIterableIterator<Uint8Array, undefined> {
    const connection = this.#connection();
    if (connection === undefined) throw this.#unusable().error;
    return connection.messages(options);
  }

  /** Without effect: a handle's connection receives from the moment at which it is connected or adopted. */
  startReceiving(): void {
    this.#connection()?.startReceiving();
  }

  /** Adds a listener of an event (`HandleEvents`), on every connection that the handle makes. */
  on<E extends keyof ConnectionEvents>(event: E, listener: ConnectionEvents[E]): this;
  on<E extends keyof ReconnectEvents>(event: E, listener: ReconnectEvents[E]): this;
  on(event: keyof HandleEvents, listener: HandleEvents[keyof HandleEvents]): this {
    if (this.valid()) this.#slot.callbacks.subscribe(event, listener, false);
    return this;
  }

  /** Adds a listener for the event's next time only. */
  once<E extends keyof ConnectionEvents>(event: E, listener: ConnectionEvents[E]): this;
  once<E extends keyof ReconnectEvents>(event: E, listener: ReconnectEvents[E]): this;
  once(event: keyof HandleEvents, listener: HandleEvents[keyof HandleEvents]): this {
    if (this.valid()) this.#slot.callbacks.subscribe(event, listener, true);
    return this;
  }

  /** Removes a listener, or all of the event's without one. */
  off<E extends keyof ConnectionEvents>(event: E, listener?: ConnectionEvents[E]): this;
  off<E extends keyof ReconnectEvents>(event: E, listener?: ReconnectEvents[E]): this;
  off(event: keyof HandleEvents, listener?: HandleEvents[keyof HandleEvents]): this {
    if (this.valid()) this.#slot.callbacks.unsubscribe(event, listener);
    return this;
  }

  /** An idle connection keeps the process alive (the default). */
  ref(): void {
    if (this.valid()) this.#slot.setReferenced(true);
  }

  /** An idle connection does not keep the process alive. */
  unref(): void {
    if (this.valid()) this.#slot.setReferenced(false);
  }

  /** As `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  override description(): string {
    return `${this.toString()} ${this.#connection()?.description() ?? this.getState()}`;
  }

  #connection(): NetworkConnection | undefined {
    return this.#slot.generation === this.#generation ? this.#slot.connection : undefined;
  }

  #unusable(): Failure {
    return this.valid() ? err('ConnectionClosed', 'the handle was never connected: call connect() first') : stale();
  }
}

function stale(): Failure {
  return err('InvalidParameter', 'stale handle: its connection was closed');
}
