import type { UnconfirmedSends } from '../api/connection-types.js';
import { MAX_CHANNEL_ID } from '../wire/frame.js';
import { Channel, type IncomingHalf, type OutgoingHalf } from './channel.js';
import { ClosedChannels } from './closed-channels.js';

/** What the table needs to know of the configuration. */
export interface TableLimits {
  readonly channelWindow: number;
  readonly maxChannels: number;
}

/** What was sent on channels, all together. */
export interface SentTotals {
  messagesSent: number;
  bytesSent: number;
}

/** What became of a `ChannelOpen` of the peer. */
export type BindOutcome = 'bound' | 'id-out-of-turn' | 'opened-twice';

/**
 * The channels of one connection: by name for callers, by id for frames. Each side numbers the channels it sends on; an id
 * is used again once its channel is over.
 */
export class ChannelTable {
  readonly defaultChannel = new Channel(undefined);
  readonly closed: ClosedChannels;
  readonly #byName = new Map<string, Channel>();
  // Index = the id. A frame finds its half with one array access.
  #incoming: (IncomingHalf | undefined)[] = [];
  #outgoing: (OutgoingHalf | undefined)[] = [];
  /** Ids of the peer that this side refused and the peer has not closed yet. */
  readonly #refused = new Set<number>();
  readonly #freeIds: number[] = [];
  #openCount = 0;
  #lastFound: Channel | undefined;
  /** Of halves that are not in the table any more. */
  #ended = { messagesSent: 0, bytesSent: 0 };
  #unconfirmed = { messages: 0, bytes: 0 };

  constructor({ channelWindow, maxChannels }: TableLimits) {
    this.closed = new ClosedChannels(maxChannels, maxChannels * channelWindow, (channel) => {
      if (channel.name !== undefined && this.#byName.get(channel.name) === channel) this.#byName.delete(channel.name);
      if (this.#lastFound === channel) this.#lastFound = undefined;
    });
  }

  /** Starts a new link: the default channel is open under id 0 on both sides, no other is. */
  start(window: number): void {
    for (const [name, channel] of this.#byName) {
      // What only the peer of an earlier link knew of is forgotten.
      if (channel.isOver || (!channel.incoming.hasConsumer && !channel.isShared)) this.#byName.delete(name);
      else channel.reset();
    }
    this.closed.clear();
    this.#refused.clear();
    this.#freeIds.length = 0;
    this.#openCount = 0;
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

  /** The channel of that name, open or not, if anything is known of it. */
  find(name: string): Channel | undefined {
    // Programs send runs of messages on one channel; comparing one interned string beats hashing it.
    const last = this.#lastFound;
    if (last !== undefined && last.name === name) return last;
    const found = this.#byName.get(name);
    if (found !== undefined) this.#lastFound = found;
    return found;
  }

  /**
   * The channel of that name; made, but not opened, where there is none. One that is over counts as long as it has unread
   * messages that only its name leads to.
   */
  obtain(name: string): Channel {
    const known = this.find(name);
    if (known === undefined) return this.#make(name);
    const isReadable = known.incoming.parked.length > 0 && !known.isShared;
    return known.isOver && !isReadable ? this.#make(name) : known;
  }

  /** The channel of that name that is, or can be, open. */
  obtainLive(name: string): Channel {
    const known = this.find(name);
    return known === undefined || known.isOver ? this.#make(name) : known;
  }

  /** The half that the peer sends on under `id`. */
  incoming(id: number): IncomingHalf | undefined {
    return this.#incoming[id];
  }

  /** The half that this side sends on under `id`. */
  outgoing(id: number): OutgoingHalf | undefined {
    return this.#outgoing[id];
  }

  /** How many named channels are open, or not closed by both sides yet. */
  get openCount(): number {
    return this.#openCount;
  }

  /** Whether this side has ids left. */
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

  /** Notes the peer's id of a channel: one that is free again, or the next one. */
  bind(channel: Channel, id: number): BindOutcome {
    if (!this.#isFreeForPeer(id)) return 'id-out-of-turn';
    const half = channel.incoming;
    if (half.id !== -1 || half.isEnded) return 'opened-twice';
    half.id = id;
    this.#incoming[id] = half;
    return 'bound';
  }

  /** Takes the peer's id as used and refused; false where the peer may not use it. */
  refuse(id: number): boolean {
    if (!this.#isFreeForPeer(id)) return false;
    this.#incoming[id] = undefined;
    this.#refused.add(id);
    return true;
  }

  /** Whether the peer's id is one that this side refused. */
  wasRefused(id: number): boolean {
    return this.#refused.has(id);
  }

  /** The peer sends nothing more under that id, which it may use again; false where it did not use it. */
  endIncoming(id: number): boolean {
    if (this.#refused.delete(id)) return true;
    const half = id === 0 ? undefined : this.#incoming[id];
    if (half === undefined) return false;
    this.#incoming[id] = undefined;
    half.isEnded = true;
    return true;
  }

  /** The peer refused the channel: it gets a new sending half. The old one keeps its id until the peer has let go of it. */
  replaceOutgoing(channel: Channel): OutgoingHalf {
    const half = channel.outgoing;
    // What was on its way is lost: it never counts as confirmed.
    this.#count(half);
    this.#unconfirmed.messages += half.messagesSent - half.confirmation.messages;
    this.#unconfirmed.bytes += half.bytesSent - half.confirmation.bytes;
    channel.renewOutgoing();
    return half;
  }

  /** The peer acknowledged that nothing more is sent under the half's id. */
  endOutgoing(half: OutgoingHalf): void {
    half.end();
    // A refused half has no channel to wait for.
    if (half.channel.outgoing !== half) this.#free(half);
  }

  /** Both sides have closed the channel: its id is free, and its name too. */
  finish(channel: Channel): void {
    channel.isOver = true;
    if (channel.outgoing.id >= 0) {
      this.#count(channel.outgoing);
      this.#free(channel.outgoing);
    }
    this.closed.add(channel);
  }

  /** Messages and payload bytes that the transport took whole since the link stood. */
  sent(): SentTotals {
    const totals = { ...this.#ended };
    for (const { outgoing } of this.#live()) {
      totals.messagesSent += outgoing.messagesSent;
      totals.bytesSent += outgoing.bytesSent;
    }
    return totals;
  }

  /**
   * What the peer has not confirmed of that. What was sent on a closed channel counts as confirmed: the peer acknowledges
   * a close after everything that went before it.
   */
  unconfirmed(): UnconfirmedSends {
    let { messages, bytes } = this.#unconfirmed;
    for (const { outgoing } of this.#live()) {
      messages += outgoing.messagesSent - outgoing.confirmation.messages;
      bytes += outgoing.bytesSent - outgoing.confirmation.bytes;
    }
    return { messages, bytes };
  }

  /** Every channel that is known, the default one first. */
  all(): Channel[] {
    return [this.defaultChannel, ...this.#byName.values()];
  }

  /** The named channels on which messages wait that nobody has read. */
  unread(): string[] {
    return [...this.#byName.values()].flatMap(({ name, incoming }) =>
      name === undefined || incoming.parked.length === 0 ? [] : [name],
    );
  }

  /** Those that both sides have not closed. */
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
