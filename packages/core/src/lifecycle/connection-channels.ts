import type { CloseReason } from '../api/connection-types.js';
import { ChannelEndpoint, type EndpointHost } from '../channels/channel-endpoint.js';
import { ChannelObject, type ChannelOwner } from '../channels/channel-object.js';
import { Channel as ChannelState } from '../channels/channel.js';
import type { ChannelTable } from '../channels/channel-table.js';
import type { Failure } from '../result/result.js';

interface Entry {
  readonly endpoint: ChannelEndpoint;
  readonly object: ChannelObject;
}

const MAX_CLOSED_NAMES = 1024;

/** The channel objects of one connection, one for each channel that a program or the peer has named. */
export class ConnectionChannels {
  readonly #table: ChannelTable;
  readonly #host: EndpointHost;
  readonly #owner: ChannelOwner;
  readonly #default: Entry;
  readonly #named = new Map<string, Entry>();
  /** The names of closed channels that no later channel has taken, the oldest first. */
  readonly #closed = new Set<string>();
  #lastFound: ChannelObject | undefined;

  constructor(table: ChannelTable, host: EndpointHost) {
    this.#table = table;
    this.#host = host;
    this.#owner = {
      guard: host.guard,
      isOver: false,
      absence: (): Failure => host.sender.noChannel(undefined),
      channelClosed: ({ name }) => {
        this.#closed.delete(name as string);
        this.#closed.add(name as string);
        this.#forgetOldest();
      },
      callbackRefused: (error) => {
        host.guard.fail(error);
      },
    };
    this.#default = this.#make(undefined, table.defaultChannel);
  }

  get defaultObject(): ChannelObject {
    return this.#default.object;
  }

  /** Programs send many messages in a row on one channel. Comparing one interned string is faster than hashing it. */
  find(name: string): ChannelObject | undefined {
    const last = this.#lastFound;
    if (last !== undefined && last.name === name) return last;
    const known = this.#named.get(name)?.object;
    if (known !== undefined) {
      this.#lastFound = known;
      return known;
    }
    return this.#table.find(name) === undefined ? undefined : this.obtain(name);
  }

  obtain(name: string): ChannelObject {
    const known = this.#named.get(name);
    if (known !== undefined && !this.#closed.delete(name)) return known.object;
    const entry = this.#make(name, this.#stateFor(name, known?.endpoint));
    this.#named.set(name, entry);
    this.#lastFound = undefined;
    return entry.object;
  }

  /** The named channels that are open, in the order in which they became known. */
  open(): ChannelObject[] {
    return this.#table
      .all()
      .flatMap(({ name, isOpen }) => (name === undefined || !isOpen ? [] : [this.obtain(name)]))
      .filter((channel) => channel.isOpen);
  }

  /** Reports to the channel's objects that a sender may send again. */
  drained({ name }: ChannelState): void {
    this.#entryOf(name)?.endpoint.drained();
  }

  /** The peer or this side opened the channel of that name. */
  opened(name: string): void {
    const state = this.#table.find(name);
    // A closing channel does not belong to the new object: its waiting messages are for the readers of the old object.
    if (state === undefined || state.isClosing || state.isOver) return;
    if (this.#closed.has(name)) {
      if (this.#named.get(name)?.endpoint.state !== state) this.obtain(name);
    } else this.#named.get(name)?.endpoint.rebind(state);
  }

  /** The peer sends nothing more on the channel, because one side closed it. */
  closed(state: ChannelState): void {
    const endpoint = this.#entryOf(state.name)?.endpoint;
    if (endpoint?.state === state) endpoint.channelClosed();
  }

  /** The connection ended. */
  connectionEnded(): void {
    for (const { endpoint } of this.#all()) endpoint.connectionEnded();
  }

  /** A new link is about to stand. `lastEnd` is the end of the one before. */
  linkStarting(lastEnd: CloseReason | undefined): void {
    for (const { endpoint } of this.#all()) endpoint.linkStarting(lastEnd);
  }

  /** Returns the channel of the next object of the name. `last` is the closed one of the object before. */
  #stateFor(name: string, last: ChannelEndpoint | undefined): ChannelState {
    // Calls by name have made that object, so its messages wait for a reader by name.
    if (last?.isReadByName === true && this.#table.find(name) === last.state) return last.state;
    const state = this.#table.obtain(name);
    // The messages that a closed object still reads do not belong to the next object of the name, which is not open
    // yet.
    return state.isShared ? new ChannelState(name) : state;
  }

  /** Forgets the oldest name. A send on a closed channel reports that it was closed, as long as its name is known. */
  #forgetOldest(): void {
    if (this.#closed.size <= MAX_CLOSED_NAMES) return;
    const [oldest] = this.#closed;
    if (oldest === undefined) return;
    const endpoint = this.#named.get(oldest)?.endpoint;
    // Then the table finds the unread messages by the name, as without an object.
    if (endpoint?.isReadByName === true) endpoint.state.isShared = false;
    this.#closed.delete(oldest);
    this.#named.delete(oldest);
    this.#lastFound = undefined;
  }

  #entryOf(name: string | undefined): Entry | undefined {
    return name === undefined ? this.#default : this.#named.get(name);
  }

  #all(): Entry[] {
    return this.#named.size === 0 ? [this.#default] : [this.#default, ...this.#named.values()];
  }

  #make(name: string | undefined, state: ChannelState): Entry {
    const endpoint = new ChannelEndpoint(state, this.#host);
    const object = new ChannelObject(name, this.#owner);
    object.attach(endpoint);
    return { endpoint, object };
  }
}
