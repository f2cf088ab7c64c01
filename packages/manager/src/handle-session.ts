import {
  type Channel,
  type CloseReason,
  type ConnectionEvents,
  type ConnectionState,
  err,
  type Failure,
  type NetworkConnection,
  NetworkError,
  OK,
  redactEndpoint,
  type Result,
} from '@entropynet/core';
import {
  ChannelObject,
  channelNotOpen,
  GuardedEmitter,
  Lifecycle,
  type LifecycleHooks,
  notConnected,
} from '@entropynet/core/handle';
import { dial, type Dialled, type DialPlan } from './dial.js';
import {
  type ConnectedListener,
  type HandleEvents,
  NO_RECONNECTION,
  type ReconnectionStatus,
} from './handle-events.js';
import type { MetricsTally } from './metrics-tally.js';
import { Reconnection } from './reconnection.js';
import type { Seat, SlotTable } from './slot-table.js';
import { describeSelection, type PassedOver, reportFallback, type Selection } from './selection.js';

const EVENTS: readonly (keyof HandleEvents)[] = [
  'state',
  'message',
  'channel',
  'drain',
  'error',
  'unresponsive',
  'responsive',
  'reconnecting',
  'reconnected',
  'reconnectFailed',
];

type Forwarded = Exclude<keyof ConnectionEvents, 'state' | 'message'>;

/** How to connect, or the connection that a handle adopts. */
export type SessionSource = DialPlan | { readonly adopted: NetworkConnection; readonly selection: Selection };

/** What a session asks of its manager. */
export interface SessionOwner {
  /** What the handles name as their owner. */
  readonly manager: object;
  readonly tally: MetricsTally;
  readonly log: (line: string) => void;
  readonly slots: SlotTable;
}

/** A connection under observation, and what it told before the handle had it. */
interface Observed {
  readonly early: (() => void)[];
  hasBeenConnected: boolean;
}

/**
 * What all copies of a handle share from `openConnection` or adoption to `close()`: one life over all connections, the
 * listeners, the channel objects, and the connection that it has now.
 */
export class HandleSession implements LifecycleHooks<Dialled> {
  /** The slot that was taken for it. A session that has left its slot keeps the number as its name. */
  readonly seat: Seat;
  readonly events = new GuardedEmitter<HandleEvents>(EVENTS);
  readonly lifecycle: Lifecycle<Dialled>;
  readonly defaultChannel: ChannelObject;
  readonly deadline = undefined;
  /** How many handles were made for it and not released: the last one's `release()` closes it. */
  handleCount = 0;
  /** Undefined before the first one was made. */
  connection: NetworkConnection | undefined;
  selection: Selection | undefined;

  readonly #channels = new Map<string, ChannelObject>();
  readonly #tally: MetricsTally;
  readonly #log: (line: string) => void;
  readonly #manager: SessionOwner;
  readonly #plan: DialPlan | undefined;
  readonly #reconnection: Reconnection | undefined;
  readonly #onConnected = new Set<ConnectedListener>();
  #generation = 0;
  #isClosed = false;
  #isReferenced = true;
  #isLeaving = false;
  /** Whether the listeners of `onConnected` were told of the connection that stands. */
  #hasToldConnected: boolean;
  /** What the connection told between its first moment and the report that the handle is connected. */
  #early: (() => void)[] = [];

  /** An adopted connection does not receive yet: the manager starts that once the session has its slot. */
  constructor(source: SessionSource, seat: Seat, manager: SessionOwner) {
    this.seat = seat;
    this.#manager = manager;
    this.#tally = manager.tally;
    this.#log = manager.log;
    this.defaultChannel = new ChannelObject(undefined, this);
    const isAdoption = 'adopted' in source;
    this.#hasToldConnected = isAdoption;
    this.lifecycle = new Lifecycle<Dialled>(isAdoption ? 'connected' : 'disconnected', this);
    this.events.keepUnheard('channel', ([name]) => this.#mayBeRead(name as string));
    if (isAdoption) {
      // The program may get the handle later: what happens until then waits for its first listener.
      for (const event of ['state', 'unresponsive', 'responsive'] as const) this.events.keepUnheard(event);
      this.selection = source.selection;
      this.#observe(source.adopted);
      this.#use(source.adopted);
      return;
    }
    this.#plan = source;
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

  /**
   * The connection for what a program does with the handle: none once the handle was closed, also while that ends it.
   */
  get current(): NetworkConnection | undefined {
    return this.#isClosed ? undefined : this.connection;
  }

  absence(): Failure {
    if (this.#isClosed) return err('InvalidParameter', 'stale handle: its connection was closed');
    return err('ConnectionClosed', 'the handle was never connected: call connect() first');
  }

  /** Why nothing can be sent on a channel of that name, which is not known. */
  unknownChannel(name: string): Failure {
    const notOpen = channelNotOpen(name);
    const { current } = this;
    if (current === undefined) return this.absence();
    return current.isConnected() ? notOpen : notConnected();
  }

  find(name: string): ChannelObject | undefined {
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    const isKnown = this.current?.channels().some((channel) => channel.name === name) ?? false;
    return isKnown ? this.obtain(name) : undefined;
  }

  obtain(name: string): ChannelObject {
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      channel = new ChannelObject(name, this);
      this.#channels.set(name, channel);
      this.#attach(channel);
    }
    return channel;
  }

  channels(): Channel[] {
    return (this.current?.channels() ?? []).map(({ name }) => this.obtain(name as string));
  }

  channelClosed(channel: ChannelObject): void {
    if (this.#channels.get(channel.name as string) === channel) this.#channels.delete(channel.name as string);
  }

  callbackRefused(error: unknown): void {
    this.guard.fail(error);
  }

  unreadDropped(error: NetworkError): void {
    this.events.emitError(error);
  }

  /** Runs the listener for the connection that stands, and for each later one; returns its remover. */
  onConnected(listener: ConnectedListener): () => void {
    if (this.#isClosed) return () => undefined;
    this.#onConnected.add(listener);
    // Before the report is over, `connected` tells it.
    if (this.#hasToldConnected && this.lifecycle.state === 'connected') this.#tellConnected(listener);
    return () => {
      this.#onConnected.delete(listener);
    };
  }

  setReferenced(isReferenced: boolean): void {
    this.#isReferenced = isReferenced;
    this.#reconnection?.setReferenced(isReferenced);
    if (isReferenced) this.connection?.ref();
    else this.connection?.unref();
  }

  /** The program wants no connection: none follows, in whatever state the handle is. */
  disconnect(signal: AbortSignal | undefined): Promise<Result> {
    this.leaving();
    return this.lifecycle.disconnect(signal);
  }

  /** Ends the connection and gives its slot back. The handles are invalid at once. Idempotent. */
  leave(): Promise<void> {
    return this.#manager.slots.close(this);
  }

  /** For the slot table: ends everything; no callback starts from here on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#reconnection?.stop();
    this.guard.close();
    this.#onConnected.clear();
    const { connection } = this;
    // At once, so that the connection's own callbacks stop too.
    const ended = connection?.disconnect();
    const reason: CloseReason = { state: 'disconnected' };
    for (const channel of [this.defaultChannel, ...this.#channels.values()]) {
      channel.detach();
      channel.endWaiting(reason);
    }
    await this.lifecycle.disconnect(undefined);
    await ended;
    if (connection !== undefined) {
      this.#tally.ended(connection, connection.getState() === 'failed');
      connection.observe(undefined);
      connection.release();
    }
    this.connection = undefined;
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
    this.#hasToldConnected = false;
    this.#early = [];
    // The channels of an earlier connection are not those of the next.
    this.events.forgetUnheard('channel', () => true);
    this.#reconnection?.attempting();
  }

  async establish(signal: AbortSignal): Promise<Result<Dialled>> {
    if (this.#plan !== undefined) return dial(this.#plan, signal, (connection) => this.#observe(connection));
    const { connection, selection } = this;
    if (connection === undefined || selection === undefined) return this.absence();
    const { early } = this.#observe(connection);
    const connected = await connection.connect({ signal });
    return connected.ok ? { ok: true, value: { connection, selection, observed: { early } } } : connected;
  }

  established({ connection, selection, observed }: Dialled): void {
    this.selection = selection;
    if (this.#plan !== undefined) this.#tellSelection(redactEndpoint(this.#plan.config.endpoint), selection);
    this.#early = observed.early;
    this.#use(connection);
  }

  connected(): void {
    this.#reconnection?.succeeded();
    const listeners = [...this.#onConnected];
    this.#hasToldConnected = true;
    for (const listener of listeners) if (this.lifecycle.state === 'connected') this.#tellConnected(listener);
    for (const tell of this.#early.splice(0)) tell();
  }

  discard({ connection }: Dialled): void {
    connection.observe(undefined);
    void connection.disconnect().then(() => {
      if (connection !== this.connection) connection.release();
    });
  }

  leaving(): void {
    this.#isLeaving = true;
    this.#reconnection?.stop();
    for (const channel of [this.defaultChannel, ...this.#channels.values()]) channel.forgetUnread();
  }

  farewell(signal: AbortSignal | undefined): Promise<Result> {
    return this.connection?.disconnect(signal === undefined ? {} : { signal }) ?? Promise.resolve(OK);
  }

  peerGone(): void {
    // The connection knows it too, and cuts its own goodbye short.
  }

  release(): void {
    // A connection that ended has given its link back.
  }

  report(state: ConnectionState, error: NetworkError | undefined): void {
    this.events.emit('state', state, error);
  }

  /** Counts the end, and whether another connection is to follow it. */
  isFinal({ state, error }: CloseReason): boolean {
    const { connection } = this;
    const hasFailed = state === 'failed';
    const reconnection = this.#isLeaving || this.#isClosed ? undefined : this.#reconnection;
    if (connection !== undefined && this.#tally.ended(connection, hasFailed)) {
      reconnection?.ended(error, connection.unconfirmedSends());
    } else if (hasFailed) {
      const [first] = this.#plan?.candidates ?? [];
      if (first !== undefined) this.#tally.connectFailed(first.transport.backend);
      if (error !== undefined) reconnection?.attemptFailed(error, codesOf(error));
    }
    return reconnection?.isPending !== true;
  }

  ended(reason: CloseReason): void {
    if (this.lifecycle.closeReason !== undefined) {
      for (const channel of [this.defaultChannel, ...this.#channels.values()]) {
        if (this.#reconnection?.isPending !== true) channel.endWaiting(reason);
      }
    }
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
    return this.#plan === undefined && this.connection?.wasAccepted === true;
  }

  /** Whether a channel that the peer has opened is open, or has ended with the whole connection and can be read. */
  #mayBeRead(name: string): boolean {
    return this.connection?.isConnected() !== true || this.connection.isChannelOpen(name);
  }

  #tellSelection(endpoint: string, selection: Selection): void {
    const { passedOver } = selection;
    if (passedOver.length > 0) this.#log(describeSelection(endpoint, 'connected', selection));
    reportFallback({ endpoint, role: 'client', taken: [selection], passedOver });
  }

  #use(connection: NetworkConnection): void {
    this.#keepUnread();
    this.connection = connection;
    this.#generation += 1;
    this.#tally.opened(connection);
    if (!this.#isReferenced) connection.unref();
    for (const channel of [this.defaultChannel, ...this.#channels.values()]) this.#attach(channel);
  }

  /** Channels that only the peer has named so far may have messages for a reader that comes after their connection. */
  #keepUnread(): void {
    const unread = this.current?.unreadChannels().filter((name) => !this.#channels.has(name)) ?? [];
    if (unread.length === 0) return;
    const present = [...this.#channels.values()].filter(({ hasUnread }) => hasUnread).length;
    const room = Math.max(0, (this.#plan?.config.maxChannels ?? 0) - present);
    for (const name of unread.slice(0, room)) this.obtain(name);
    if (unread.length <= room) return;
    const dropped = `what ${unread.length - room} channels of an earlier connection have left was dropped unread`;
    this.unreadDropped(
      new NetworkError(
        'ResourceLimitExceeded',
        `${dropped}: ${room + present} channels (maxChannels) wait for a reader`,
      ),
    );
  }

  #attach(channel: ChannelObject): void {
    const connection = this.current;
    if (connection === undefined) return;
    const { name } = channel;
    channel.follow(name === undefined ? connection.defaultChannel : connection.channel(name));
  }

  /** Follows a connection from its first moment on. */
  #observe(connection: NetworkConnection): Observed {
    const observed: Observed = { early: [], hasBeenConnected: connection.isConnected() };
    connection.observe((event, values) => {
      if (event === 'state') {
        const [state, error] = values as Parameters<ConnectionEvents['state']>;
        if (state === 'connected') observed.hasBeenConnected = true;
        else if ((state === 'disconnected' || state === 'failed') && observed.hasBeenConnected) {
          observed.hasBeenConnected = false;
          if (!this.#isClosed) this.lifecycle.endedByItself(state, error);
        }
      } else if (event !== 'message') {
        const tell = (): void => {
          this.#forward(event, values);
        };
        if (this.connection === connection && this.lifecycle.state !== 'connecting') tell();
        else observed.early.push(tell);
      }
    });
    return observed;
  }

  #forward(event: Forwarded, values: unknown): void {
    if (event === 'error') this.events.emitError((values as [NetworkError])[0]);
    else this.events.emit(event, ...(values as never));
  }

  #tellConnected(listener: ConnectedListener): void {
    const { connection } = this;
    const generation = this.#generation;
    if (connection !== undefined) this.guard.runBound(() => listener(connection, { generation }));
  }
}

/** The codes of all candidates that were tried. */
function codesOf(error: NetworkError): PassedOver['code'][] {
  return Array.isArray(error.cause) ? (error.cause as PassedOver[]).map(({ code }) => code) : [];
}
