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
import { ConnectionBase } from '@entropynet/core/handle';
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
 * A user's hold on a connection of a manager: manager, slot index, generation. Copies are equal. After `close()` every
 * copy is invalid: operations give `InvalidParameter`, getters a neutral value, and a slot that is used again is never
 * reached through an old handle. Before the first `connect()`, what needs a connection gives `ConnectionClosed`.
 *
 * `Connection` describes what a handle shares with a raw connection. Callbacks, listeners and channels stay over all
 * connections that the handle makes.
 */
export class ConnectionHandle extends ConnectionBase<HandleEvents> implements Connection {
  /** The channel without a name. It follows the handle's current connection. */
  readonly defaultChannel: Channel;
  readonly #session: HandleSession;

  /** Made by the manager. */
  constructor(session: HandleSession) {
    super();
    this.#session = session;
    session.handleCount += 1;
    this.defaultChannel = session.defaultChannel;
    this.setHandleIdentity(session.owner, session.seat.index, session.seat.generation);
  }

  /** Whether the handle still stands for its connection. */
  valid(): boolean {
    return !this.#session.isOver;
  }

  /** Another handle for the same connection. */
  copy(): ConnectionHandle | undefined {
    return this.valid() ? new ConnectionHandle(this.#session) : undefined;
  }

  /** Whether both stand for the same connection, valid or not. What is no handle stands for none. */
  equals(other: ConnectionHandle): boolean {
    return isObject(other) && #session in other && this.#session === other.#session;
  }

  /** Resolves with how it ended: at `close()`, or at an end that no reconnection follows. Never rejects. */
  get closed(): Promise<CloseReason> {
    return this.#session.lifecycle.closed;
  }

  /**
   * Connects by the first transport that can, in the order of the configuration. The signal and `disconnect()` give up
   * all of it; each candidate has the configuration's `connectTimeoutMs`.
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
   * Ends the connection as `disconnect()` does and gives the slot back. Every copy is invalid at once. Idempotent. An
   * accepted connection that has ended gave its slot back then; its handle answers until this call.
   */
  async close(): Promise<Result> {
    await this.#session.leave();
    return OK;
  }

  /**
   * Runs `listener` for the connection that stands now and for each later one: after `connected` was reported, before the
   * first message. The place to set up ports, requests and channels. It is not awaited; what it throws or rejects with is
   * an `error` event. `generation` counts the handle's connections from 1.
   * @returns removes the listener
   */
  onConnected(listener: ConnectedListener): () => void {
    if (typeof listener !== 'function') throw new TypeError(`a listener is a function; ${kindOf(listener)} was given`);
    return this.#session.onConnected(listener);
  }

  /** The named channels that are open now. */
  channels(): Channel[] {
    return this.#session.channels();
  }

  /** Sends without the promise of delivery where the transport can; otherwise as `send`. */
  sendUnreliable(data: Uint8Array): Promise<Result> {
    return this.#session.current?.sendUnreliable(data) ?? Promise.resolve(this.#session.absence());
  }

  /** Whether a server accepted its connection: then only the client can make it again. False for an invalid handle. */
  get wasAccepted(): boolean {
    return this.valid() && this.#session.isOfClient;
  }

  /** `disconnected` for an invalid handle. */
  getState(): ConnectionState {
    return this.valid() ? this.#session.lifecycle.state : 'disconnected';
  }

  /** Undefined while there is no connection. */
  getType(): ConnectionType | undefined {
    return this.#session.current?.getType();
  }

  /** Undefined while there is no connection. */
  getBackend(): ConnectionBackend | undefined {
    return this.#session.current?.getBackend();
  }

  /** What the transport knows of the peer; empty while there is no connection. */
  get peer(): ConnectionPeer {
    return this.#session.current?.peer ?? {};
  }

  /** See `Connection.roundTripMs`; undefined while there is no connection. */
  get roundTripMs(): number | undefined {
    return this.#session.current?.roundTripMs;
  }

  /** All zero while there is no connection. */
  getStats(): ConnectionStats {
    return this.#session.current?.getStats() ?? NO_STATS;
  }

  /** Which transport it got, and for each candidate before it why not that one; undefined before the first success. */
  getSelection(): Selection | undefined {
    return this.valid() ? this.#session.selection : undefined;
  }

  /** What was accepted for sending and may not have reached the peer: upper bounds; zero before the first connection. */
  unconfirmedSends(): UnconfirmedSends {
    return this.#session.current?.unconfirmedSends() ?? NO_SENDS;
  }

  /** How often a `trySend` gave `WouldBlock` since connecting. */
  wouldBlockCount(): number {
    return this.#session.current?.wouldBlockCount() ?? 0;
  }

  /** Whether and why the handle is connecting again by itself; all neutral without `reconnect` in the configuration. */
  getReconnection(): ReconnectionStatus {
    return this.valid() ? this.#session.reconnection : NO_RECONNECTION;
  }

  /** Whether named channels work; false while there is no connection. */
  supportsMultipleChannels(): boolean {
    return this.#session.current?.supportsMultipleChannels() ?? false;
  }

  /** Whether the connection's callbacks are being shut. */
  isShuttingDown(): boolean {
    return this.#session.current?.isShuttingDown() ?? false;
  }

  /** Without effect: a handle receives from the start. */
  startReceiving(): void {
    this.#session.current?.startReceiving();
  }

  /** An idle connection keeps the process alive (the default). */
  ref(): void {
    if (this.valid()) this.#session.setReferenced(true);
  }

  /** An idle connection does not keep the process alive. */
  unref(): void {
    if (this.valid()) this.#session.setReferenced(false);
  }

  /** As `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  override description(): string {
    return `${this.toString()} ${this.#session.current?.description() ?? this.getState()}`;
  }

  /** The last reference of the last copy gives the slot back. */
  protected override onDispose(): void {
    this.#session.handleCount -= 1;
    if (this.#session.handleCount === 0) void this.close();
  }

  protected get events(): HandleSession['events'] {
    return this.#session.events;
  }

  protected findChannel(name: string): Channel | undefined {
    return this.#session.find(name);
  }

  protected obtainChannel(name: string): Channel {
    return this.#session.obtain(name);
  }

  protected unknownChannel(name: string): Failure {
    return this.#session.unknownChannel(name);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
