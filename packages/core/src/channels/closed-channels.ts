import type { Channel } from './channel.js';

/** What a closed channel with unread messages costs beside them, in bytes: about its objects in memory. */
const CHANNEL_COST_BYTES = 1024;

/**
 * The channels of a connection that both sides have closed. Their names are remembered for a while, so that a send on one
 * says that it was closed. What arrived on them stays readable, up to a limit: beyond it no new channel is opened until
 * somebody reads, so that a peer can't fill this side's memory by opening, sending and closing.
 */
export class ClosedChannels {
  readonly #maxNames: number;
  readonly #maxUnreadBytes: number;
  readonly #onForgotten: (channel: Channel) => void;
  /** Those with nothing to read, the oldest first. */
  readonly #read = new Set<Channel>();
  #unreadBytes = 0;
  /** An unread channel that the program has let go of can't be read: its memory is free. */
  #collected: FinalizationRegistry<number> | undefined;

  /**
   * @param maxNames how many channels without unread messages are remembered
   * @param maxUnreadBytes how much may be unread on closed channels, in bytes
   * @param onForgotten a channel is no longer remembered
   */
  constructor(maxNames: number, maxUnreadBytes: number, onForgotten: (channel: Channel) => void) {
    this.#maxNames = maxNames;
    this.#maxUnreadBytes = maxUnreadBytes;
    this.#onForgotten = onForgotten;
  }

  /** Whether so much is unread that no further channel may be opened. */
  get isFull(): boolean {
    return this.#unreadBytes > this.#maxUnreadBytes;
  }

  /** How much is unread, in bytes. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** A channel was closed. */
  add(channel: Channel): void {
    if (channel.incoming.parked.length === 0) {
      this.#remember(channel);
      return;
    }
    const cost = costOf(channel);
    this.#unreadBytes += cost;
    this.#collected ??= this.#newRegistry();
    this.#collected.register(channel, cost, channel);
  }

  /** Everything on a closed channel was read. */
  noteRead(channel: Channel): void {
    if (this.#collected?.unregister(channel) !== true) return;
    this.#unreadBytes -= costOf(channel);
    this.#remember(channel);
  }

  /** Another channel has taken the name. */
  forget(channel: Channel): void {
    this.#read.delete(channel);
  }

  /** A new link: nothing of the one before is remembered. */
  clear(): void {
    this.#read.clear();
    this.#collected = undefined;
    this.#unreadBytes = 0;
  }

  #newRegistry(): FinalizationRegistry<number> {
    const registry = new FinalizationRegistry<number>((unread) => {
      // Those of an earlier link do not count any more.
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

/** What arrived on it and was not given back: that does not change once the channel is closed. */
function costOf(channel: Channel): number {
  return channel.incoming.outstanding + CHANNEL_COST_BYTES;
}
