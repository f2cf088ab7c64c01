import {
  type Channel,
  type CloseReason,
  type Connection,
  type ConnectionBackend,
  type ConnectionPeer,
  type ConnectionState,
  type ConnectionStats,
  type ConnectionType,
  type Failure,
  faultOfOptions,
  kindOf,
  OK,
  type Result,
  SIGNAL_OPTION,
  type UnconfirmedSends,
} from '@entropynet/core';
import { type ChannelObject, ConnectionBase } from '@entropynet/core/handle';
import {
  type ConnectedListener,
  type HandleEvents,
  NO_RECONNECTION,
  type ReconnectionStatus,
} from './handle-events.js';
import type { HandleSession } from './handle-session.js';
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
 * A handle refers to a connection of a manager, by slot index and generation. Copies are equal. After `close()` every
 * copy is invalid: operations return `InvalidParameter`, and getters return neutral values. An old handle never reaches
 * a connection that reuses its slot. Before the first `connect()`, operations that need a connection return
 * `ConnectionClosed`.
 *
 * `Connection` describes the members that a handle shares with a raw connection. Callbacks, listeners and channel
 * objects stay across all connections of the handle.
 */
export class ConnectionHandle extends ConnectionBase<HandleEvents> implements Connection {
  /** The channel without a name. It uses the handle's current connection. */
  readonly defaultChannel: Channel;
  readonly #session: HandleSession;

  /** Only the manager calls it. */
  constructor(session: HandleSession) {
    super();
    this.#session = session;
    session.handleCount += 1;
    this.defaultChannel = session.channels.defaultChannel;
    this.setHandleIdentity(session.owner, session.seat.index, session.seat.generation);
  }

  /** Whether the handle is valid: nobody has closed it or a copy of it. */
  valid(): boolean {
    return !this.#session.isOver;
  }

  /** Returns another handle for the same connection; undefined if the handle is invalid. */
  copy(): ConnectionHandle | undefined {
    return this.valid() ? new ConnectionHandle(this.#session) : undefined;
  }

  /** For servers: whether the connection has ended and has left no message. */
  get isAbandoned(): boolean {
    return !this.isConnected() && this.#session.current?.hasUnread !== true;
  }

  /** Whether both handles refer to the same connection, valid or not. False for a value that is not a handle. */
  equals(other: ConnectionHandle): boolean {
    return isObject(other) && #session in other && this.#session === other.#session;
  }

  /**
   * Resolves with the final state and the error at `close()`, or at an end after which the handle does not reconnect.
   * Never rejects.
   */
  get closed(): Promise<CloseReason> {
    return this.#session.lifecycle.closed;
  }

  /**
   * Connects with the first transport that works, in the order of the configuration. Each candidate (a transport with
   * an endpoint) may take `connectTimeoutMs`. The signal and `disconnect()` abort the whole attempt.
   */
  connect(options?: { readonly signal?: AbortSignal }): Promise<Result> {
    const fault = faultOfOptions('connect()', options, SIGNAL_OPTION);
    if (fault !== undefined) return Promise.resolve({ ok: false, error: fault });
    return this.#session.lifecycle.connect(options?.signal);
  }

  /** Ends the connection within `sendTimeoutMs`; the handle can connect again. See `Connection.disconnect`. */
  disconnect(options?: { readonly signal?: AbortSignal }): Promise<Result> {
    const fault = faultOfOptions('disconnect()', options, SIGNAL_OPTION);
    if (fault !== undefined) return Promise.resolve({ ok: false, error: fault });
    if (!this.valid()) return Promise.resolve(this.#session.absence());
    return this.#session.disconnect(options?.signal);
  }

  /**
   * Ends the connection as `disconnect()` does, and frees the slot. Every copy is invalid at once. A second call has no
   * effect. If an accepted connection has ended before, its slot is free already, and this call only makes the handle
   * invalid.
   */
  async close(): Promise<Result> {
    await this.#session.leave();
    return OK;
  }

  /**
   * Calls `listener` for the open connection, if there is one, and for each later one: after the state `connected` was
   * reported, and before the first message. Use it to set up ports, requests and channels. Nothing waits for its
   * promise; if it throws or rejects, an `error` event follows. `generation` counts the handle's connections from 1.
   * @returns a function that removes the listener
   */
  onConnected(listener: ConnectedListener): () => void {
    if (typeof listener !== 'function') throw new TypeError(`a listener is a function; ${kindOf(listener)} was given`);
    return this.#session.connections.onConnected(listener);
  }

  /** Returns the named channels that are open now. */
  channels(): Channel[] {
    return this.#session.channels.open();
  }

  /**
   * Sends a message that may get lost, if the transport can (`capabilities.unreliable`); otherwise the same as `send`.
   */
  sendUnreliable(data: Uint8Array): Promise<Result> {
    return this.#session.current?.sendUnreliable(data) ?? Promise.resolve(this.#session.absence());
  }

  /** Whether a server accepted its connection; then only the client can connect again. False for an invalid handle. */
  get wasAccepted(): boolean {
    return this.valid() && this.#session.isOfClient;
  }

  /** Returns the current state; `disconnected` for an invalid handle. */
  getState(): ConnectionState {
    return this.valid() ? this.#session.lifecycle.state : 'disconnected';
  }

  /** See `Connection.getType`. Undefined without a connection. */
  getType(): ConnectionType | undefined {
    return this.#session.current?.getType();
  }

  /** See `Connection.getBackend`. Undefined without a connection. */
  getBackend(): ConnectionBackend | undefined {
    return this.#session.current?.getBackend();
  }

  /** The identity of the peer, as far as the transport knows it. Empty without a connection. */
  get peer(): ConnectionPeer {
    return this.#session.current?.peer ?? {};
  }

  /** See `Connection.roundTripMs`. Undefined without a connection. */
  get roundTripMs(): number | undefined {
    return this.#session.current?.roundTripMs;
  }

  /** See `Connection.getStats`. All counters are 0 without a connection. */
  getStats(): ConnectionStats {
    return this.#session.current?.getStats() ?? NO_STATS;
  }

  /**
   * Returns the transport of the connection, and the reason against each candidate before it. Undefined before the
   * first success.
   */
  getSelection(): Selection | undefined {
    return this.valid() ? this.#session.connections.selection : undefined;
  }

  /** See `Connection.unconfirmedSends`. Zero before the first connection. */
  unconfirmedSends(): UnconfirmedSends {
    return this.#session.current?.unconfirmedSends() ?? NO_SENDS;
  }

  /** Returns how often a `trySend` returned `WouldBlock` since connecting. */
  wouldBlockCount(): number {
    return this.#session.current?.wouldBlockCount() ?? 0;
  }

  /**
   * Returns whether the handle is reconnecting by itself, and why. All values are neutral without `reconnect` in the
   * configuration.
   */
  getReconnection(): ReconnectionStatus {
    return this.valid() ? this.#session.reconnection : NO_RECONNECTION;
  }

  /** Whether named channels work. False without a connection. */
  supportsMultipleChannels(): boolean {
    return this.#session.current?.supportsMultipleChannels() ?? false;
  }

  /** Whether the connection is ending its callbacks. */
  isShuttingDown(): boolean {
    return this.#session.current?.isShuttingDown() ?? false;
  }

  /** Has no effect: a handle receives from the start. */
  startReceiving(): void {
    this.#session.current?.startReceiving();
  }

  /** Makes the idle connection keep the process alive (the default). */
  ref(): void {
    if (this.valid()) this.#session.setReferenced(true);
  }

  /** Lets the process end although the connection is open and idle. */
  unref(): void {
    if (this.valid()) this.#session.setReferenced(false);
  }

  /** Calls `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  override description(): string {
    return `${this.toString()} ${this.#session.current?.description() ?? this.getState()}`;
  }

  /** The last reference of the last copy frees the slot. */
  protected override onDispose(): void {
    this.#session.handleCount -= 1;
    if (this.#session.handleCount === 0) void this.close();
  }

  protected get events(): HandleSession['events'] {
    return this.#session.events;
  }

  protected findChannel(name: string): ChannelObject | undefined {
    return this.#session.channels.find(name);
  }

  protected obtainChannel(name: string): ChannelObject {
    return this.#session.channels.obtain(name);
  }

  protected unknownChannel(name: string): Failure {
    return this.#session.unknownChannel(name);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
