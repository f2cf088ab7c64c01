import type { Channel } from '../api/channel.js';
import type { Connection } from '../api/connection.js';
import type { ConnectionPeer } from '../api/connection-peer.js';
import type { ConnectionEvents } from '../api/connection-events.js';
import { statsOf } from '../api/connection-stats.js';
import type {
  CloseReason,
  ConnectionBackend,
  ConnectionState,
  ConnectionStats,
  ConnectionType,
  UnconfirmedSends,
} from '../api/connection-types.js';
import type { ChannelObject } from '../channels/channel-object.js';
import { type ConnectionConfig, resolveOwnConfig, type ResolvedConnectionConfig } from '../config/connection-config.js';
import { faultOfOptions, SIGNAL_OPTION } from '../config/call-options.js';
import { NetworkError } from '../result/network-error.js';
import { redactEndpoint } from '../result/redact.js';
import { receiveShortage } from '../result/shortage.js';
import { unwrap, type Failure, type Result } from '../result/result.js';
import type { FrameLink, FrameSink } from '../wire/frame-link.js';
import { frameHeader, FrameType } from '../wire/frame.js';
import { ConnectionBase } from './connection-base.js';
import { ConnectionCore } from './connection-core.js';
import type { EventObserver } from './guarded-emitter.js';

const NO_PEER: ConnectionPeer = Object.freeze({});

/**
 * The base class of connections; `Connection` describes its methods. It implements all behaviour that is the same on
 * every transport. A transport implements the hooks `do...` and calls the methods `on...`; `docs/writing-a-transport.md`
 * describes each.
 */
export abstract class NetworkConnection extends ConnectionBase implements Connection {
  // Private, so that `console.log(connection)` does not show the secrets in it.
  readonly #config: ResolvedConnectionConfig;
  readonly defaultChannel: ChannelObject;
  #endpoint: string | undefined;
  readonly #core: ConnectionCore;
  #isShuttingDown = false;

  /**
   * @param config the configuration; for a wrong one, the constructor throws a `NetworkError` (`InvalidParameter`)
   * @param accepted the link of a connection that a server accepted; it starts as `connected` and can't connect again
   */
  protected constructor(config: ConnectionConfig, accepted?: FrameLink) {
    super();
    this.#config = unwrap(resolveOwnConfig(config));
    this.#core = new ConnectionCore(this, this.#config, accepted, {
      connect: (signal) => this.doConnect(signal),
      startReceiving: () => this.doStartReceiving(),
      disconnect: () => this.doDisconnect(),
      release: () => this.doRelease(),
      violated: (error) => this.onStateChanged('failed', error),
      isDisposed: () => this.refCount() === 0,
      isShuttingDown: () => this.#isShuttingDown,
    });
    this.defaultChannel = this.#core.channels.defaultObject;
  }

  /** The checked configuration. */
  protected get config(): ResolvedConnectionConfig {
    return this.#config;
  }

  get closed(): Promise<CloseReason> {
    return this.#core.lifecycle.closed;
  }

  /** The endpoint of the configuration, without user information and query (`redactEndpoint`). */
  get endpoint(): string {
    // Each report of a state shows it.
    return (this.#endpoint ??= redactEndpoint(this.#config.endpoint));
  }

  /**
   * Whether a server accepted it. After its end, only its client can connect again: here `connect()` returns
   * `NotSupported`.
   */
  get wasAccepted(): boolean {
    return this.#core.wasAccepted;
  }

  connect(options?: { readonly signal?: AbortSignal }): Promise<Result> {
    const fault = faultOfOptions('connect()', options, SIGNAL_OPTION);
    if (fault !== undefined) return Promise.resolve({ ok: false, error: fault });
    return this.#core.lifecycle.connect(options?.signal);
  }

  disconnect(options?: { readonly signal?: AbortSignal }): Promise<Result> {
    const fault = faultOfOptions('disconnect()', options, SIGNAL_OPTION);
    if (fault !== undefined) return Promise.resolve({ ok: false, error: fault });
    return this.#core.lifecycle.disconnect(options?.signal);
  }

  sendUnreliable(data: Uint8Array): Promise<Result> {
    return this.send(data);
  }

  getState(): ConnectionState {
    return this.#core.lifecycle.state;
  }

  /** Returns `local` if the peer is on this machine, `remote` if it may be on another one. */
  abstract override getType(): ConnectionType;

  /** Returns the name of the transport. */
  abstract override getBackend(): ConnectionBackend;

  /**
   * The identity of the peer, as far as the transport knows it. Empty before the first connection; it stays after an
   * end.
   */
  get peer(): ConnectionPeer {
    return NO_PEER;
  }

  /** The round trip of the last heartbeat ping, in milliseconds. Undefined on a transport without a ping. */
  get roundTripMs(): number | undefined {
    return undefined;
  }

  /**
   * A text that identifies the connection, for monitoring: it is the same at both ends, and no other open connection
   * has it. Undefined before the connection is connected, and on a transport that has none.
   */
  get linkKey(): string | undefined {
    return undefined;
  }

  getStats(): ConnectionStats {
    return statsOf(this.#core.sender, this.#core.receiver);
  }

  unconfirmedSends(): UnconfirmedSends {
    return this.#core.sender.unconfirmed();
  }

  wouldBlockCount(): number {
    return this.#core.sender.wouldBlockSends;
  }

  channels(): Channel[] {
    return this.#core.channels.open();
  }

  supportsMultipleChannels(): boolean {
    return true;
  }

  startReceiving(): void {
    this.#core.startReceiving();
  }

  isShuttingDown(): boolean {
    return this.#isShuttingDown;
  }

  ref(): void {
    this.doSetReferenced(true);
  }

  unref(): void {
    this.doSetReferenced(false);
  }

  /**
   * Sets the observer, for a layer above connections such as a manager's handle. It gets every event before the
   * program's listeners do, and `off` does not remove it. It replaces the observer before it. It must not throw.
   */
  observe(observer: EventObserver<ConnectionEvents> | undefined): void {
    this.events.observer = observer;
  }

  /** Whether any channel has unread messages, for a layer above connections. */
  get hasUnread(): boolean {
    const { receiver, table } = this.#core;
    return receiver.isDelivering && table.all().some(({ incoming }) => incoming.parkedCount > 0);
  }

  /** Returns the named channels with unread messages, for a layer above connections. */
  unreadChannels(): string[] {
    return this.#core.receiver.isDelivering ? this.#core.table.unread() : [];
  }

  /** Calls `disconnect()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
  }

  override description(): string {
    return `${this.toString()} ${this.getBackend()} ${this.endpoint} ${this.getState()}`;
  }

  protected get events(): ConnectionCore['events'] {
    return this.#core.events;
  }

  protected findChannel(name: string): ChannelObject | undefined {
    return this.#core.channels.find(name);
  }

  protected obtainChannel(name: string): ChannelObject {
    return this.#core.channels.obtain(name);
  }

  protected unknownChannel(name: string): Failure {
    return this.#core.sender.noChannel(name);
  }

  /** Makes the link. When `signal` aborts, it stops at once and frees its resources. It never runs twice at a time. */
  protected abstract doConnect(signal: AbortSignal): Promise<Result<FrameLink>>;

  /** Starts delivering frames, first those that have arrived already. */
  protected abstract doStartReceiving(): void;

  /** Says goodbye after every written frame has reached the peer. Core stops waiting for it after `sendTimeoutMs`. */
  protected abstract doDisconnect(): Promise<void>;

  /**
   * Frees all resources at once, without a goodbye. Core calls it at every end, also after `doDisconnect`, and maybe
   * twice.
   */
  protected abstract doRelease(): void;

  /** Sets whether the link keeps the process alive. */
  protected abstract doSetReferenced(isReferenced: boolean): void;

  /**
   * Reports the end of the link: `disconnected` after the peer's goodbye, otherwise `failed` with the reason. The
   * transport calls it after it has reported all frames that arrived. If the state does not change, the call has no
   * effect.
   */
  protected onStateChanged(state: 'disconnected' | 'failed', error?: NetworkError): void {
    const reason = state === 'failed' ? (error ?? new NetworkError('ConnectionClosed', 'the link failed')) : undefined;
    this.#core.lifecycle.endedByItself(state, reason);
  }

  /**
   * The receiver that `onFrameReceived` calls. A transport may call it directly to save a call for each frame, and then
   * handles the exception for a lack of memory itself. It never changes.
   */
  protected get frameSink(): FrameSink {
    return this.#core.receiver;
  }

  /**
   * Reports a frame. If `isOwned`, core owns `bytes` from now on; otherwise they are valid only during this call. If
   * there is no memory for a message, the connection fails with `ResourceLimitExceeded`.
   */
  protected onFrameReceived(header: number, bytes: Uint8Array, start: number, end: number, isOwned: boolean): void {
    try {
      this.#core.receiver.receive(header, bytes, start, end, isOwned);
    } catch (error) {
      this.onStateChanged('failed', receiveShortage(error));
    }
  }

  /**
   * Reports a whole message of the default channel, for a transport whose medium has messages of its own. Core owns
   * `data`.
   */
  protected onMessageReceived(data: Uint8Array): void {
    this.#core.receiver.receive(frameHeader(FrameType.Message, 0), data, 0, data.length, true);
  }

  /** Reports a whole message of an open named channel. Core owns `data`. */
  protected onChannelMessageReceived(name: string, data: Uint8Array): void {
    const id = this.#core.table.find(name)?.incoming.id ?? -1;
    if (id >= 0) this.#core.receiver.receive(frameHeader(FrameType.Message, id), data, 0, data.length, true);
  }

  /** Reports that there is room again after a refused `tryWrite` or `tryClaim`. */
  protected onWritable(): void {
    this.#core.sender.onWritable();
  }

  /** Reports that the peer is alive but does not read (`false`), or reads again (`true`). */
  protected onResponsivenessChanged(isResponsive: boolean): void {
    this.#core.reportResponsiveness(isResponsive);
  }

  /**
   * Ends the callbacks: no callback starts after the call. It resolves when the promises of earlier callbacks have
   * settled, except the promise of a callback that makes the call before its first `await`.
   */
  protected shutdownCallbacks(): Promise<void> {
    this.#isShuttingDown = true;
    this.events.guard.close();
    return this.events.guard.drained();
  }

  protected override onDispose(): void {
    void this.disconnect();
  }
}
