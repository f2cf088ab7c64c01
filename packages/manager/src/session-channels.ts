import { type Channel, type CloseReason, type NetworkConnection, NetworkError } from '@entropynet/core';
import { ChannelObject, type ChannelOwner } from '@entropynet/core/handle';

/** The parts of a session that its channels use. */
export interface ChannelsOwner extends ChannelOwner {
  /** The connection that the channels follow. Undefined before the first one, and after the handle was closed. */
  readonly current: NetworkConnection | undefined;
  unreadDropped(error: NetworkError): void;
}

/** The channel objects of a handle. They stay across its connections, and always use the current one. */
export class SessionChannels {
  readonly defaultChannel: ChannelObject;
  readonly #named = new Map<string, ChannelObject>();
  readonly #owner: ChannelsOwner;
  readonly #maxUnread: number;

  /** @param maxUnread the largest number of named channels that keep unread messages of earlier connections */
  constructor(owner: ChannelsOwner, maxUnread: number) {
    this.#owner = owner;
    this.#maxUnread = maxUnread;
    this.defaultChannel = new ChannelObject(undefined, owner);
  }

  /** The object of a name that this side or the peer uses. Undefined for an unknown name. */
  find(name: string): ChannelObject | undefined {
    const known = this.#named.get(name);
    if (known !== undefined) return known;
    return this.#owner.current?.isChannelOpen(name) === true ? this.obtain(name) : undefined;
  }

  /** Returns the object of a name, and makes it if it does not exist. */
  obtain(name: string): ChannelObject {
    let channel = this.#named.get(name);
    if (channel === undefined) {
      channel = new ChannelObject(name, this.#owner);
      this.#named.set(name, channel);
      this.#attach(channel);
    }
    return channel;
  }

  /** The named channels of the current connection. */
  open(): Channel[] {
    return (this.#owner.current?.channels() ?? []).map(({ name }) => this.obtain(name as string));
  }

  /** The channel was closed. From now on its name may mean another channel. */
  forget(channel: ChannelObject): void {
    if (this.#named.get(channel.name as string) === channel) this.#named.delete(channel.name as string);
  }

  /** From now on every object uses the current connection. */
  attachAll(): void {
    for (const channel of this.#all()) this.#attach(channel);
  }

  /**
   * Keeps messages that arrived on the current connection for later readers, before the next one takes its place.
   * Returns the error to report if some were dropped.
   */
  keepUnread(): NetworkError | undefined {
    // Channels that only the peer has named so far may have messages for a reader that comes after their connection.
    const unread = this.#owner.current?.unreadChannels().filter((name) => !this.#named.has(name)) ?? [];
    if (unread.length === 0) return undefined;
    const present = [...this.#named.values()].filter(({ hasUnread }) => hasUnread).length;
    const room = Math.max(0, this.#maxUnread - present);
    for (const name of unread.slice(0, room)) this.obtain(name);
    if (unread.length <= room) return undefined;
    const dropped = `what ${unread.length - room} channels of an earlier connection have left was dropped unread`;
    return new NetworkError(
      'ResourceLimitExceeded',
      `${dropped}: ${room + present} channels (maxChannels) wait for a reader`,
    );
  }

  /** Drops the messages that earlier connections have left. */
  forgetUnread(): void {
    for (const channel of this.#all()) channel.forgetUnread();
  }

  /**
   * No connection follows: consumers that wait for one end, unless `isReconnecting()`. Each of them runs code of the
   * program, which may connect again.
   */
  endWaiting(reason: CloseReason, isReconnecting: () => boolean): void {
    // A consumer that comes meanwhile waits for the next connection.
    const waiting = this.#all().map((channel) => ({ channel, lease: channel.waiting }));
    for (const { channel, lease } of waiting)
      if (!isReconnecting() && channel.waiting === lease) channel.endWaiting(reason);
  }

  /** The handle was closed: every object leaves its connection, and a consumer that waits for one ends. */
  detachAll(reason: CloseReason): void {
    for (const channel of this.#all()) {
      channel.detach();
      channel.endWaiting(reason);
    }
  }

  #all(): ChannelObject[] {
    return this.#named.size === 0 ? [this.defaultChannel] : [this.defaultChannel, ...this.#named.values()];
  }

  #attach(channel: ChannelObject): void {
    const connection = this.#owner.current;
    if (connection === undefined) return;
    const { name } = channel;
    channel.follow(name === undefined ? connection.defaultChannel : connection.channelNamed(name));
  }
}
