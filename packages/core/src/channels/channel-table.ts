import { err, OK, type Result } from '../result/result.js';
import { Channel } from './channel.js';
import { MAX_CHANNEL_ID } from '../wire/frame.js';

/** The longest channel name, in bytes of UTF-8. */
export const MAX_CHANNEL_NAME_BYTES = 255;

const encoder = new TextEncoder();

/** `InvalidParameter` unless the name is 1 to 255 bytes of well-formed text. Throws a `TypeError` for what is no text. */
export function checkChannelName(name: string): Result {
  if (typeof name !== 'string') throw new TypeError(`a channel name is a string; ${typeof name} was given`);
  const length = encoder.encode(name).length;
  if (length < 1 || length > MAX_CHANNEL_NAME_BYTES) {
    return err(
      'InvalidParameter',
      `a channel name has 1 to ${MAX_CHANNEL_NAME_BYTES} bytes of UTF-8; ${length} were given`,
    );
  }
  if (/\p{Surrogate}/u.test(name)) {
    return err(
      'InvalidParameter',
      `channel name ${JSON.stringify(name)} is not well-formed text: it has a lone surrogate`,
    );
  }
  return OK;
}

/** The channels of one connection: by name for callers, by the peer's id for frames that arrive. */
export class ChannelTable {
  readonly defaultChannel = new Channel(undefined);
  readonly #byName = new Map<string, Channel>();
  // Index = the peer's channel id. A frame finds its channel with one array access.
  #byRemoteId: (Channel | undefined)[] = [];
  #byLocalId: (Channel | undefined)[] = [];
  #lastFound: Channel | undefined;

  /** Starts a new link: the default channel is open under id 0 on both sides, no other is. */
  start(window: number): void {
    for (const channel of this.all()) channel.reset();
    const channel = this.defaultChannel;
    channel.localId = 0;
    channel.remoteId = 0;
    channel.isAnnounced = true;
    channel.credit = window;
    this.#byRemoteId = [channel];
    this.#byLocalId = [channel];
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

  /** The channel of that name; made, but not opened, where there is none. */
  obtain(name: string): Channel {
    const known = this.find(name);
    if (known !== undefined) return known;
    const channel = new Channel(name);
    this.#byName.set(name, channel);
    return channel;
  }

  /** The channel that the peer sends on under `id`. */
  ofRemoteId(id: number): Channel | undefined {
    return this.#byRemoteId[id];
  }

  /** The channel that this side sends on under `id`. */
  ofLocalId(id: number): Channel | undefined {
    return this.#byLocalId[id];
  }

  /** How many named channels are open. */
  get openCount(): number {
    return this.#byLocalId.length - 1;
  }

  /** Gives the channel the next id of this side. Ids are not used again within a link. */
  open(channel: Channel, window: number): void {
    channel.localId = this.#byLocalId.length;
    channel.isAnnounced = false;
    channel.credit = window;
    this.#byLocalId.push(channel);
  }

  /** Whether this side has ids left. */
  get hasFreeId(): boolean {
    return this.#byLocalId.length <= MAX_CHANNEL_ID;
  }

  /** Notes the peer's id of a channel. Ids come in order; false where this one is not the next. */
  bindRemote(channel: Channel, id: number): boolean {
    if (id !== this.#byRemoteId.length || channel.remoteId !== -1) return false;
    channel.remoteId = id;
    this.#byRemoteId.push(channel);
    return true;
  }

  /** Takes the peer's id as used and refused, so that the ids after it stay in order. */
  refuseRemote(id: number): boolean {
    if (id !== this.#byRemoteId.length) return false;
    this.#byRemoteId.push(undefined);
    return true;
  }

  /** Whether the peer's id is one that this side refused. */
  wasRefused(id: number): boolean {
    return id < this.#byRemoteId.length && this.#byRemoteId[id] === undefined;
  }

  /** Every channel that is known, the default one first. */
  all(): Channel[] {
    return [this.defaultChannel, ...this.#byName.values()];
  }
}
