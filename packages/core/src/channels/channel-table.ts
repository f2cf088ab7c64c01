import type { UnconfirmedSends } from '../api/connection-types.js';
import { MAX_CHANNEL_ID } from '../wire/frame.js';
import { Channel, type IncomingHalf, type OutgoingHalf } from './channel.js';
import { ClosedChannels } from './closed-channels.js';

/** The limits of the configuration for the table. */
export interface TableLimits {
  readonly channelWindow: number;
  readonly maxChannels: number;
}

/** The totals of sent messages and bytes of all channels. */
export interface SentTotals {
  messagesSent: number;
  bytesSent: number;
}

/** The result of a `ChannelOpen` from the peer. */
export type BindOutcome = 'bound' | 'id-out-of-turn' | 'opened-twice';

/**
 * The channels of one connection: callers find them by name, frames find them by id. Each side numbers the channels on
 * which it sends. A side uses an id again after its channel is over.
 */
export class ChannelTable {
  readonly defaultChannel = new Channel(undefined);
  readonly closed: ClosedChannels;
  readonly #byName = new Map<string, Channel>();
  // The index is the id. A frame finds its half with one array access.
  #incoming: (IncomingHalf | undefined)[] = [];
  #outgoing: (OutgoingHalf | undefined)[] = [];
  /** The ids that this side refused and that the peer has not closed yet. */
  readonly #refused = new Set<number>();
  readonly #freeIds: number[] = [];
  #openCount = 0;
  #boundCount = 0;
  #lastFound: Channel | undefined;
  /** The totals of halves that are no longer in the table. */
  #ended = { messagesSent: 0, bytesSent: 0 };
  #unconfirmed = { messages: 0, bytes: 0 };

  constructor({ channelWindow, maxChannels }: TableLimits) {
    this.closed = new ClosedChannels(maxChannels, maxChannels * channelWindow, (channel) => {
      if (channel.name !== undefined && this.#byName.get(channel.name) === channel) this.#byName.delete(channel.name);
      if (this.#lastFound === channel) this.#lastFound = undefined;
    });
  }

  /** Starts a new link: the default channel is open with id 0 on both sides, and no other channel is open. */
  start(window: number): void {
    for (const [name, channel] of this.#byName) {
      // Removes channels that were closed, also if the link ended before both sides knew it, and channels that only the
      // peer of an earlier link knew.
      const isUnknown = !channel.incoming.hasConsumer && !channel.isShared;
      if (channel.isOver || channel.incoming.isEnded || isUnknown) this.#byName.delete(name);
      else channel.reset();
    }
    this.closed.clear();
    this.#refused.clear();
    this.#freeIds.length = 0;
    this.#openCount = 0;
    this.#boundCount = 0;
    this.#lastFound = undefined;
    this.#ended = { messagesSent: 0, bytesSent: 0 };
    this.#unconfirmed = { messages: 0, bytes: 0 };
    const { defaultChannel } = this;
    defaultChannel.reset();
    defaultChannel.incoming.id = 0;
    defaultChannel.outgoing.open(0, window);
    defaultChannel.outgoing.noteAnnounced();
    this.#incoming = [defaultChannel.incoming];
    this.#outgoing = [defaultChannel.outgoing];
  }

  /** Returns the channel of that name, open or not. Undefined if the table has none. */
  find(name: string): Channel | undefined {
    // Programs send many messages in a row on one channel. Comparing one interned string is faster than hashing it.
    const last = this.#lastFound;
    if (last !== undefined && last.name === name) return last;
    const found = this.#byName.get(name);
    if (found !== undefined) this.#lastFound = found;
    return found;
  }

  /**
   * Returns the channel of that name, or makes one without opening it. A channel that is over stays as long as it has
   * unread messages, because only its name leads to them.
   */
  obtain(name: string): Channel {
    const known = this.find(name);
    if (known === undefined) return this.#make(name);
    const isReadable = known.incoming.parkedCount > 0 && !known.isShared;
    return known.isOver && !isReadable ? this.#make(name) : known;
  }

  /** Returns the channel of that name that is open or can be opened. */
  obtainLive(name: string): Channel {
    const known = this.find(name);
    return known === undefined || known.isOver ? this.#make(name) : known;
  }

  /** The half on which the peer sends with `id`. */
  incoming(id: number): IncomingHalf | undefined {
    return this.#incoming[id];
  }

  /** The half on which this side sends with `id`. */
  outgoing(id: number): OutgoingHalf | undefined {
    return this.#outgoing[id];
  }

  /** The number of named channels that are open, or that one side has not closed yet. */
  get openCount(): number {
    return this.#openCount;
  }

  /**
   * The number of named channels that the peer has opened and not closed. During the goodbye of this side it can be
   * larger than `openCount`, because this side no longer opens the channels of the peer.
   */
  get boundCount(): number {
    return this.#boundCount;
  }

  /** Whether this side has a free id. */
  get hasFreeId(): boolean {
    return this.#freeIds.length > 0 || this.#outgoing.length <= MAX_CHANNEL_ID;
  }

  /** Gives the channel an id of this side. */
  open(channel: Channel, window: number): void {
    const id = this.#freeIds.pop() ?? this.#outgoing.length;
    channel.outgoing.open(id, window);
    this.#outgoing[id] = channel.outgoing;
    this.#openCount += 1;
  }

  /** Stores the peer's id of a channel: an id that is free again, or the next number. */
  bind(channel: Channel, id: number): BindOutcome {
    if (!this.#isFreeForPeer(id)) return 'id-out-of-turn';
    const half = channel.incoming;
    if (half.id !== -1 || half.isEnded) return 'opened-twice';
    half.id = id;
    this.#incoming[id] = half;
    this.#boundCount += 1;
    return 'bound';
  }

  /** Marks the peer's id as used and refused. Returns false if the peer may not use it. */
  refuse(id: number): boolean {
    if (!this.#isFreeForPeer(id)) return false;
    this.#incoming[id] = undefined;
    this.#refused.add(id);
    return true;
  }

  /** Whether this side refused the peer's id. */
  wasRefused(id: number): boolean {
    return this.#refused.has(id);
  }

  /** The peer sends nothing more with that id and may use it again. Returns false if the peer did not use it. */
  endIncoming(id: number): boolean {
    if (this.#refused.delete(id)) return true;
    const half = id === 0 ? undefined : this.#incoming[id];
    if (half === undefined) return false;
    this.#incoming[id] = undefined;
    this.#boundCount -= 1;
    half.isEnded = true;
    return true;
  }

  /**
   * Gives the channel a new sending half, because the peer refused it. The old half keeps its id until the peer closes
   * it.
   */
  replaceOutgoing(channel: Channel): OutgoingHalf {
    const half = channel.outgoing;
    // The frames in flight are lost, and so are the accepted messages that wait: they never count as confirmed.
    const lost = half.waiting().filter(({ settle }) => settle === undefined);
    this.#count(half);
    this.#unconfirmed.messages += half.messagesSent - half.confirmation.messages + lost.length;
    this.#unconfirmed.bytes +=
      half.bytesSent - half.confirmation.bytes + lost.reduce((sum, { length }) => sum + length, 0);
    channel.renewOutgoing();
    return half;
  }

  /** The peer acknowledged that this side sends nothing more with the half's id. */
  endOutgoing(half: OutgoingHalf): void {
    half.end();
    // A refused half has no channel to wait for.
    if (half.channel.outgoing !== half) this.#free(half);
  }

  /** Both sides have closed the channel: its id and its name are free. */
  finish(channel: Channel): void {
    channel.isOver = true;
    if (channel.outgoing.id >= 0) {
      this.#count(channel.outgoing);
      this.#free(channel.outgoing);
    }
    this.closed.add(channel);
  }

  /** Returns the messages and payload bytes that the transport took whole since the link stood. */
  sent(): SentTotals {
    const totals = { ...this.#ended };
    for (const { outgoing } of this.#live()) {
      totals.messagesSent += outgoing.messagesSent;
      totals.bytesSent += outgoing.bytesSent;
    }
    return totals;
  }

  /**
   * Returns the part of the sent messages that the peer has not confirmed. Messages of a closed channel count as
   * confirmed, because the peer acknowledges a close after all frames before it.
   */
  unconfirmed(): UnconfirmedSends {
    let { messages, bytes } = this.#unconfirmed;
    for (const { outgoing } of this.#live()) {
      messages += outgoing.messagesSent - outgoing.confirmation.messages;
      bytes += outgoing.bytesSent - outgoing.confirmation.bytes;
    }
    return { messages, bytes };
  }

  /** Returns all channels of the table, the default one first. */
  all(): Channel[] {
    return this.#byName.size === 0 ? [this.defaultChannel] : [this.defaultChannel, ...this.#byName.values()];
  }

  /** Returns the names of the channels that have unread messages. */
  unread(): string[] {
    return [...this.#byName.values()].flatMap(({ name, incoming }) =>
      name === undefined || incoming.parkedCount === 0 ? [] : [name],
    );
  }

  /** Returns the channels that are not closed by both sides. */
  #live(): Channel[] {
    return this.all().filter((channel) => !channel.isOver);
  }

  #make(name: string): Channel {
    const known = this.#byName.get(name);
    if (known !== undefined) this.closed.forget(known);
    const channel = new Channel(name);
    this.#byName.set(name, channel);
    this.#lastFound = channel;
    return channel;
  }

  #isFreeForPeer(id: number): boolean {
    if (id === 0 || id > MAX_CHANNEL_ID || id > this.#incoming.length) return false;
    return this.#incoming[id] === undefined && !this.#refused.has(id);
  }

  #count(half: OutgoingHalf): void {
    this.#ended.messagesSent += half.messagesSent;
    this.#ended.bytesSent += half.bytesSent;
  }

  #free(half: OutgoingHalf): void {
    this.#outgoing[half.id] = undefined;
    this.#freeIds.push(half.id);
    this.#openCount -= 1;
  }
}
