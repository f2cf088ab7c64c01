import type { Channel } from './channel.js';

/**
 * The memory of a closed channel with unread messages, in bytes and without the messages. An estimate of its objects'
 * size.
 */
const CHANNEL_COST_BYTES = 1024;

/**
 * The channels of a connection that both sides have closed. The connection keeps their names for a while, so that a
 * send on one reports that it was closed. Their unread messages stay readable, up to a limit. Beyond it no new channel
 * opens until the program reads, so that a peer can't fill this side's memory by opening, sending and closing.
 */
export class ClosedChannels {
  readonly #maxNames: number;
  readonly #maxUnreadBytes: number;
  readonly #onForgotten: (channel: Channel) => void;
  /** The channels without unread messages, the oldest first. */
  readonly #read = new Set<Channel>();
  #unreadBytes = 0;
  /** Notes when the program drops an unread channel: its memory is free then, because nobody can read it any more. */
  #collected: FinalizationRegistry<number> | undefined;

  /**
   * @param maxNames the largest number of channels without unread messages
   * @param maxUnreadBytes the largest number of unread bytes on closed channels
   * @param onForgotten called when a channel leaves this list
   */
  constructor(maxNames: number, maxUnreadBytes: number, onForgotten: (channel: Channel) => void) {
    this.#maxNames = maxNames;
    this.#maxUnreadBytes = maxUnreadBytes;
    this.#onForgotten = onForgotten;
  }

  /** Whether the unread bytes have reached the limit, so that no further channel may open. */
  get isFull(): boolean {
    return this.#unreadBytes > this.#maxUnreadBytes;
  }

  /** The number of unread bytes. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** Adds a channel that was closed. */
  add(channel: Channel): void {
    if (channel.incoming.parkedCount === 0) {
      this.#remember(channel);
      return;
    }
    const cost = costOf(channel);
    this.#unreadBytes += cost;
    this.#collected ??= this.#newRegistry();
    this.#collected.register(channel, cost, channel);
  }

  /** The program has read all messages of a closed channel. */
  noteRead(channel: Channel): void {
    if (this.#collected?.unregister(channel) !== true) return;
    this.#unreadBytes -= costOf(channel);
    this.#remember(channel);
  }

  /** Removes a channel, because another one has taken its name. */
  forget(channel: Channel): void {
    this.#read.delete(channel);
  }

  /** Removes all channels, because a new link starts. */
  clear(): void {
    this.#read.clear();
    this.#collected = undefined;
    this.#unreadBytes = 0;
  }

  #newRegistry(): FinalizationRegistry<number> {
    const registry = new FinalizationRegistry<number>((unread) => {
      // Channels of an earlier link no longer count.
      if (this.#collected === registry) this.#unreadBytes -= unread;
    });
    return registry;
  }

  #remember(channel: Channel): void {
    this.#read.add(channel);
    if (this.#read.size <= this.#maxNames) return;
    const [oldest] = this.#read;
    if (oldest === undefined) return;
    this.#read.delete(oldest);
    this.#onForgotten(oldest);
  }
}

/** The bytes that arrived and whose window was not returned. The number is final after the channel is closed. */
function costOf(channel: Channel): number {
  return channel.incoming.outstanding + CHANNEL_COST_BYTES;
}
