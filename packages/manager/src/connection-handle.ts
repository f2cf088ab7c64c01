import {
  type ConnectionBackend,
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
} from '@entropynet/core';
import type { ConnectionManager } from './connection-manager.js';
import type { ConnectionSlot } from './connection-slot.js';
import type { Selection } from './selection.js';

const NO_STATS: ConnectionStats = Object.freeze({
  bytesSent: 0,
  bytesReceived: 0,
  messagesSent: 0,
  messagesReceived: 0,
  connectTime: 0,
  lastActivityTime: 0,
});

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

  disconnect(): Promise<Result> {
    return this.valid() ? this.#slot.disconnect() : Promise.resolve(stale());
  }

  /** Ends the connection as `disconnect()` does and gives the slot back. Every copy is invalid at once. Idempotent. */
  close(): Promise<Result> {
    return this.#manager.closeSlot(this.#slot, this.#generation);
  }

  // Hot path: one comparison, one look, and the connection itself.
  send(data: Uint8Array, options?: { signal?: AbortSignal }): Promise<Result> {
    const connection = this.#connection();
    return connection === undefined ? Promise.resolve(this.#unusable()) : connection.send(data, options);
  }

  trySend(data: Uint8Array): Result {
    const slot = this.#slot;
    const connection = slot.connection;
    if (slot.generation !== this.#generation || connection === undefined) return this.#unusable();
    return connection.trySend(data);
  }

  trySendBatch(messages: readonly Uint8Array[], options?: { channel?: string }): Result<number> {
    return this.#connection()?.trySendBatch(messages, options) ?? this.#unusable();
  }

  sendUnreliable(data: Uint8Array): Promise<Result> {
    const connection = this.#connection();
    return connection === undefined ? Promise.resolve(this.#unusable()) : connection.sendUnreliable(data);
  }

  claim(length: number): Result<SendClaim> {
    return this.#connection()?.claim(length) ?? this.#unusable();
  }

  openChannel(name: string): Promise<Result> {
    return this.#connection()?.openChannel(name) ?? Promise.resolve(this.#unusable());
  }

  isChannelOpen(name: string): boolean {
    return this.#connection()?.isChannelOpen(name) ?? false;
  }

  sendOnChannel(name: string, data: Uint8Array, options?: { signal?: AbortSignal }): Promise<Result> {
    return this.#connection()?.sendOnChannel(name, data, options) ?? Promise.resolve(this.#unusable());
  }

  trySendOnChannel(name: string, data: Uint8Array): Result {
    return this.#connection()?.trySendOnChannel(name, data) ?? this.#unusable();
  }

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

  /** All zero while there is no connection. */
  getStats(): ConnectionStats {
    return this.#connection()?.getStats() ?? NO_STATS;
  }

  /** Which transport it got, and for each candidate before it why not that one; undefined before the first success. */
  getSelection(): Selection | undefined {
    return this.valid() ? this.#slot.selection : undefined;
  }

  supportsMultipleChannels(): boolean {
    return this.#connection()?.supportsMultipleChannels() ?? false;
  }

  isShuttingDown(): boolean {
    return this.#connection()?.isShuttingDown() ?? false;
  }

  setStateCallback(callback: StateCallback | null): void {
    if (this.valid()) this.#slot.callbacks.setState(callback);
  }

  setMessageCallback(callback: MessageCallback | null, options?: MessageCallbackOptions): void {
    if (this.valid()) this.#slot.callbacks.setMessage(callback, options);
  }

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

  on<E extends keyof ConnectionEvents>(event: E, listener: ConnectionEvents[E]): this {
    if (this.valid()) this.#slot.callbacks.subscribe(event, listener, false);
    return this;
  }

  once<E extends keyof ConnectionEvents>(event: E, listener: ConnectionEvents[E]): this {
    if (this.valid()) this.#slot.callbacks.subscribe(event, listener, true);
    return this;
  }

  off<E extends keyof ConnectionEvents>(event: E, listener?: ConnectionEvents[E]): this {
    if (this.valid()) this.#slot.callbacks.unsubscribe(event, listener);
    return this;
  }

  /** An idle connection keeps the process alive (the default). */
  ref(): void {
    if (this.valid()) this.#slot.setReferenced(true);
  }

  unref(): void {
    if (this.valid()) this.#slot.setReferenced(false);
  }

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
