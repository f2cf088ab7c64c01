import {
  type CloseReason,
  type ConnectionState,
  err,
  type Failure,
  type NetworkConnection,
  type NetworkError,
  OK,
  type Result,
} from '@entropynet/core';
import {
  type ChannelObject,
  channelNotOpen,
  type EarlyEnd,
  GuardedEmitter,
  Lifecycle,
  type LifecycleHooks,
  notConnected,
} from '@entropynet/core/handle';
import type { Dialled, DialPlan } from './dial.js';
import { HANDLE_EVENTS, type HandleEvents, NO_RECONNECTION, type ReconnectionStatus } from './handle-events.js';
import type { MetricsTally } from './metrics-tally.js';
import { Reconnection } from './reconnection.js';
import type { PassedOver, Selection } from './selection.js';
import { type ChannelsOwner, SessionChannels } from './session-channels.js';
import { type ConnectionsOwner, SessionConnections } from './session-connections.js';
import type { Seat, SlotTable } from './slot-table.js';

/** The plan for connecting, or the connection that a handle adopts. */
export type SessionSource = DialPlan | { readonly adopted: NetworkConnection; readonly selection: Selection };

/** The parts of a manager that a session uses. */
export interface SessionOwner {
  /** The owner of the handles. */
  readonly manager: object;
  readonly tally: MetricsTally;
  readonly log: (line: string) => void;
  readonly slots: SlotTable;
}

/**
 * The shared part of all copies of a handle, from `openConnection` or adoption to `close()`: the life cycle over all
 * connections, the listeners, the channel objects, and the connections.
 */
export class HandleSession implements LifecycleHooks<Dialled>, ChannelsOwner, ConnectionsOwner {
  /** The slot that was taken for it. A session that has left its slot keeps the number, which identifies it. */
  readonly seat: Seat;
  readonly events = new GuardedEmitter<HandleEvents>(HANDLE_EVENTS);
  readonly lifecycle: Lifecycle<Dialled>;
  readonly channels: SessionChannels;
  readonly connections: SessionConnections;
  readonly deadline = undefined;
  /** The number of handles that were made for it and not released. The last `release()` closes it. */
  handleCount = 0;

  readonly #tally: MetricsTally;
  readonly #manager: SessionOwner;
  readonly #plan: DialPlan | undefined;
  readonly #reconnection: Reconnection | undefined;
  #isClosed = false;
  #isLeaving = false;

  /** An adopted connection does not receive yet: the manager starts that once the session has its slot. */
  constructor(source: SessionSource, seat: Seat, manager: SessionOwner) {
    this.seat = seat;
    this.#manager = manager;
    this.#tally = manager.tally;
    const isAdoption = 'adopted' in source;
    const plan = isAdoption ? undefined : source;
    this.#plan = plan;
    this.channels = new SessionChannels(this, plan?.config.maxChannels ?? 0);
    this.connections = new SessionConnections(this, plan, manager.log);
    this.lifecycle = new Lifecycle<Dialled>(isAdoption ? 'connected' : 'disconnected', this);
    this.events.keepUnheard(['channel'], ([name]) => this.#mayBeRead(name as string));
    if (isAdoption) {
      // The program may get the handle later. Until then, events wait for their first listener.
      this.events.keepUnheard(['state', 'unresponsive', 'responsive']);
      this.connections.adopt(source.adopted, source.selection);
      this.#use(source.adopted);
      return;
    }
    const policy = source.config.reconnect;
    if (policy === undefined) return;
    this.#reconnection = new Reconnection(policy, {
      attempt: () => void this.lifecycle.connect(undefined),
      emit: (event, ...values) => {
        this.events.emit(event, ...(values as never));
      },
    });
  }

  get guard(): GuardedEmitter<HandleEvents>['guard'] {
    return this.events.guard;
  }

  /** Whether the handle was closed. */
  get isOver(): boolean {
    return this.#isClosed;
  }

  get owner(): object {
    return this.#manager.manager;
  }

  get reconnection(): ReconnectionStatus {
    return this.#reconnection?.status ?? NO_RECONNECTION;
  }

  /** The connection for the operations of the handle. Undefined from the call of `close()` on. */
  get current(): NetworkConnection | undefined {
    return this.#isClosed ? undefined : this.connections.connection;
  }

  absence(): Failure {
    if (this.#isClosed) return err('InvalidParameter', 'stale handle: its connection was closed');
    return err('ConnectionClosed', 'the handle was never connected: call connect() first');
  }

  /** Returns the error for sending on an unknown channel. */
  unknownChannel(name: string): Failure {
    const notOpen = channelNotOpen(name);
    const { current } = this;
    if (current === undefined) return this.absence();
    return current.isConnected() ? notOpen : notConnected();
  }

  channelClosed(channel: ChannelObject): void {
    this.channels.forget(channel);
  }

  callbackRefused(error: unknown): void {
    this.guard.fail(error);
  }

  unreadDropped(error: NetworkError): void {
    this.events.emitError(error);
  }

  setReferenced(isReferenced: boolean): void {
    this.#reconnection?.setReferenced(isReferenced);
    this.connections.setReferenced(isReferenced);
  }

  /** Disconnects at the program's request. No reconnection follows, in any state of the handle. */
  disconnect(signal: AbortSignal | undefined): Promise<Result> {
    this.leaving();
    return this.lifecycle.disconnect(signal);
  }

  /** Ends the connection and frees its slot. The handles are invalid at once. Idempotent. */
  leave(): Promise<void> {
    return this.#manager.slots.close(this);
  }

  /** For the slot table: ends the connection and the waiting consumers. From now on no callback starts. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#reconnection?.stop();
    this.guard.close();
    this.connections.dropListeners();
    const { connection } = this.connections;
    // In the same turn, so that the connection's own callbacks stop too.
    const ended = connection?.disconnect();
    const reason: CloseReason = { state: 'disconnected' };
    this.channels.detachAll(reason);
    await this.lifecycle.disconnect(undefined);
    await ended;
    if (connection !== undefined) {
      this.#tally.ended(connection, connection.getState() === 'failed');
      this.#tally.left(connection);
      connection.observe(undefined);
      connection.release();
    }
    this.connections.connection = undefined;
    this.lifecycle.settle(reason);
  }

  mayConnect(): Result {
    if (this.#isClosed) return this.absence();
    if (this.isOfClient) {
      return err('NotSupported', 'a server accepted this connection: only its client can connect again');
    }
    return OK;
  }

  starting(): void {
    if (!this.#isClosed) this.guard.open();
    this.#isLeaving = false;
    const { connection } = this.connections;
    if (connection !== undefined) this.#tally.readLate(connection);
    this.connections.starting();
    // The channels of an earlier connection are not those of the next.
    this.events.forgetUnheard('channel', () => true);
    this.#reconnection?.attempting();
  }

  establish(signal: AbortSignal): Promise<Result<Dialled>> {
    return this.connections.establish(signal);
  }

  established(dialled: Dialled): void {
    this.connections.established(dialled);
    this.#reconnection?.made();
    this.#use(dialled.connection);
    this.connections.tellSelection();
  }

  connected(): void {
    this.#reconnection?.succeeded();
    this.connections.tellConnected();
  }

  discard({ connection }: Dialled): void {
    this.connections.discard(connection);
  }

  leaving(): void {
    this.#isLeaving = true;
    this.#reconnection?.stop();
    this.channels.forgetUnread();
  }

  farewell(early: EarlyEnd): Promise<Result> {
    const { connection } = this.connections;
    if (connection === undefined) return Promise.resolve(OK);
    const leaving = connection.disconnect();
    early.onAbort(() => {
      // The signal of a second call ends the first one early.
      void connection.disconnect({ signal: AbortSignal.abort(early.reason) });
    });
    return leaving;
  }

  peerGone(): void {
    // The connection has noticed it too, and shortens its own goodbye.
  }

  release(): void {
    // A connection that has ended has released its link.
  }

  report(state: ConnectionState, error: NetworkError | undefined): void {
    this.events.emit('state', state, error);
  }

  /** Counts the end, and returns whether no reconnection follows. */
  isFinal({ state, error }: CloseReason): boolean {
    const { connection } = this.connections;
    const hasFailed = state === 'failed';
    const reconnection = this.#isLeaving || this.#isClosed ? undefined : this.#reconnection;
    if (connection !== undefined && this.#tally.ended(connection, hasFailed)) {
      reconnection?.ended(error, connection.unconfirmedSends());
    } else if (hasFailed) {
      const [first] = this.#plan?.candidates ?? [];
      const backend = first?.transport.backend ?? connection?.getBackend();
      if (backend !== undefined) this.#tally.connectFailed(backend);
      if (error !== undefined) reconnection?.attemptFailed(error, codesOf(error));
    }
    return reconnection?.isPending !== true;
  }

  ended(reason: CloseReason): void {
    if (this.lifecycle.closeReason) this.channels.endWaiting(reason, () => this.#reconnection?.isPending === true);
    // Unless a state callback has already reconnected.
    if (!this.lifecycle.isConnecting && this.lifecycle.state === reason.state) this.#reconnection?.proceed();
    if (!this.#isClosed && this.isOfClient) this.#manager.slots.retire(this);
  }

  left(): void {
    this.#reconnection?.stop();
    this.guard.close();
    if (this.lifecycle.closeReason !== undefined) this.lifecycle.settle(this.lifecycle.closeReason);
  }

  /** Whether only the peer can make the connection again. */
  get isOfClient(): boolean {
    return this.#plan === undefined && this.connections.connection?.wasAccepted === true;
  }

  /** Whether a channel that the peer has opened is open, or has ended with the whole connection and can be read. */
  #mayBeRead(name: string): boolean {
    const { connection } = this.connections;
    return connection?.isConnected() !== true || connection.isChannelOpen(name);
  }

  #use(connection: NetworkConnection): void {
    const { connection: last } = this.connections;
    const dropped = this.channels.keepUnread();
    this.connections.use(connection);
    this.#tally.opened(connection, last);
    this.channels.attachAll();
    if (dropped !== undefined) this.unreadDropped(dropped);
  }
}

/** The codes of all candidates that were tried. */
function codesOf(error: NetworkError): PassedOver['code'][] {
  return Array.isArray(error.cause) ? (error.cause as PassedOver[]).map(({ code }) => code) : [];
}
