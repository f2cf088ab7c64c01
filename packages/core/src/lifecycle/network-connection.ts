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
import { unwrap, type Failure, type Result } from '../result/result.js';
import type { FrameLink, FrameSink } from '../wire/frame-link.js';
import { frameHeader, FrameType } from '../wire/frame.js';
import { ConnectionBase } from './connection-base.js';
import { ConnectionCore } from './connection-core.js';
import type { EventObserver } from './guarded-emitter.js';

const NO_PEER: ConnectionPeer = Object.freeze({});

/**
 * One connection to one peer, the same on every transport; `Connection` describes its methods. All semantics live in core:
 * a transport supplies the hooks `do…` and reports upwards through `on…`; `docs/writing-a-transport.md` describes each.
 */
export abstract class NetworkConnection extends ConnectionBase implements Connection {
  /** The checked configuration. */
  protected readonly config: ResolvedConnectionConfig;
  readonly defaultChannel: ChannelObject;
  readonly #core: ConnectionCore;
  #isShuttingDown = false;

  /**
   * @param config checked here; throws a `NetworkError` (`InvalidParameter`) that names what is wrong
   * @param accepted the link of a connection that a server accepted: it starts `connected` and can't be dialled again
   */
  protected constructor(config: ConnectionConfig, accepted?: FrameLink) {
    super();
    this.config = unwrap(resolveOwnConfig(config));
    // It holds secrets, which `console.log(connection)` must not show.
    Object.defineProperty(this, 'config', { enumerable: false });
    this.#core = new ConnectionCore(this, this.config, accepted, {
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

  get closed(): Promise<CloseReason> {
    return this.#core.lifecycle.closed;
  }

  /** The endpoint of the configuration, as it may be shown: `redactEndpoint` hid user information and query. */
  get endpoint(): string {
    return redactEndpoint(this.config.endpoint);
  }

  /** Whether a server accepted it: then only its client can make it again, and `connect()` gives `NotSupported`. */
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

  /** Whether the peer is on this machine (`local`) or may be on another (`remote`). */
  abstract override getType(): ConnectionType;

  /** The name of the transport. */
  abstract override getBackend(): ConnectionBackend;

  /** What the transport knows of the peer; empty before the connection stands. It stays after an end. */
  get peer(): ConnectionPeer {
    return NO_PEER;
  }

  /** How long the last question to the peer and its answer took, in milliseconds; undefined where a transport asks nothing. */
  get roundTripMs(): number | undefined {
    return undefined;
  }

  /**
   * The same text at both ends of the connection and at no other connection that stands, for monitoring; undefined where the
   * transport has none, and before the connection stands.
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
   * For what stands above connections (a manager's handle): gets every event before the program's listeners, and is
   * not one of them. Takes the place of the observer before it; must not throw.
   */
  observe(observer: EventObserver<ConnectionEvents> | undefined): void {
    this.events.observer = observer;
  }

  /** For what stands above connections: the named channels on which messages arrived that nobody has read. */
  unreadChannels(): string[] {
    return this.#core.receiver.isDelivering ? this.#core.table.unread() : [];
  }

  /** As `disconnect()`, for `await using`. */
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

  /** Makes the link. Stops as soon as `signal` aborts; whatever it had by then is given back. Runs once at a time. */
  protected abstract doConnect(signal: AbortSignal): Promise<Result<FrameLink>>;

  /** Delivers frames from here on: first those that have already arrived. */
  protected abstract doStartReceiving(): void;

  /** Says goodbye: everything that was written reaches the peer before it learns of the end. Given up after `sendTimeoutMs`. */
  protected abstract doDisconnect(): Promise<void>;

  /** Gives everything back at once, without a goodbye. Called at every end, also after `doDisconnect`; idempotent. */
  protected abstract doRelease(): void;

  /** Whether the link keeps the process alive. */
  protected abstract doSetReferenced(isReferenced: boolean): void;

  /**
   * The link ended: `disconnected` after the peer's goodbye, `failed` with the reason otherwise. To be called when all
   * frames that arrived were reported. Anything that is no transition is ignored.
   */
  protected onStateChanged(state: 'disconnected' | 'failed', error?: NetworkError): void {
    const reason = state === 'failed' ? (error ?? new NetworkError('ConnectionClosed', 'the link failed')) : undefined;
    this.#core.lifecycle.endedByItself(state, reason);
  }

  /** What `onFrameReceived` calls: for a transport to which a call for each frame matters. The same object for life. */
  protected get frameSink(): FrameSink {
    return this.#core.receiver;
  }

  /** One frame arrived. `isOwned`: the transport gives `bytes` away; if not, they are valid during this call only. */
  protected onFrameReceived(header: number, bytes: Uint8Array, start: number, end: number, isOwned: boolean): void {
    this.#core.receiver.receive(header, bytes, start, end, isOwned);
  }

  /** A whole message of the default channel arrived; for transports whose medium has messages of its own. */
  protected onMessageReceived(data: Uint8Array): void {
    this.#core.receiver.receive(frameHeader(FrameType.Message, 0), data, 0, data.length, true);
  }

  /** The same for a named channel that is open. */
  protected onChannelMessageReceived(name: string, data: Uint8Array): void {
    const id = this.#core.table.find(name)?.incoming.id ?? -1;
    if (id >= 0) this.#core.receiver.receive(frameHeader(FrameType.Message, id), data, 0, data.length, true);
  }

  /** There is room again after a `tryWrite` or `tryClaim` was refused. */
  protected onWritable(): void {
    this.#core.sender.onWritable();
  }

  /** The peer is alive but does not read, or reads again. */
  protected onResponsivenessChanged(isResponsive: boolean): void {
    this.#core.reportResponsiveness(isResponsive);
  }

  /**
   * No callback starts from here on. Resolves when the promises of those that ran are settled, save that of a callback that
   * makes the call before its first `await`.
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
