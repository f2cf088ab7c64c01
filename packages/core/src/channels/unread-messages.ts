import type { ChannelEndpoint } from './channel-endpoint.js';
import { Fifo } from './fifo.js';
import { FRAME_COST_BYTES } from '../wire/frame.js';

/** An unread message, and the endpoint on which it arrived. */
interface Unread {
  readonly message: Uint8Array;
  readonly endpoint: ChannelEndpoint;
}

/**
 * The unread messages of one channel from earlier connections of a handle. The next reader of messages gets them before
 * those of the present connection. Streams and requests belong to one connection and never get them.
 */
export class UnreadMessages {
  /** The endpoints of the channel in connections that have ended, the oldest first. */
  #endpoints: ChannelEndpoint[] = [];
  readonly #messages = new Fifo<Unread>();
  /** The window bytes of the messages. They bound the number of messages too, because a message may be empty. */
  #bytes = 0;

  /**
   * Keeps the unread messages of a connection that has ended, up to the limit of one connection. So a peer that
   * connects again and again can't fill the memory.
   * @returns the number of dropped messages
   */
  keep(endpoint: ChannelEndpoint): number {
    const { unreadBytes } = endpoint;
    if (unreadBytes === 0) return 0;
    const kept = this.#endpoints.reduce((sum, each) => sum + each.unreadBytes, this.#bytes);
    if (kept + unreadBytes > endpoint.host.channelWindow) return endpoint.takeUnread().length;
    this.#endpoints.push(endpoint);
    return 0;
  }

  /** Takes the messages that no other consumer reads. Returns whether there are messages to read. */
  collect(): boolean {
    if (this.#endpoints.length > 0) {
      for (const endpoint of this.#endpoints) {
        for (const message of endpoint.takeUnread()) {
          this.#bytes += costOf(message);
          this.#messages.push({ message, endpoint });
        }
      }
      this.#endpoints = this.#endpoints.filter(({ unreadBytes }) => unreadBytes > 0);
    }
    return this.#messages.length > 0;
  }

  /** Removes and returns the oldest message, for a consumer. It counts as received. */
  shift(): Uint8Array | undefined {
    const unread = this.#messages.shift();
    if (unread === undefined) return undefined;
    const { message, endpoint } = unread;
    this.#bytes -= costOf(message);
    endpoint.countRead(message);
    return message;
  }

  clear(): void {
    this.#endpoints = [];
    this.#messages.clear();
    this.#bytes = 0;
  }
}

function costOf(message: Uint8Array): number {
  return message.length + FRAME_COST_BYTES;
}
