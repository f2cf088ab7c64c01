import type { ChannelEndpoint } from './channel-endpoint.js';
import { Fifo } from './fifo.js';
import { FRAME_COST_BYTES } from '../wire/frame.js';

/**
 * What earlier connections of a handle have left on one channel: messages that arrived and that nobody had read when the
 * next connection stood. The next reader of messages gets them before those of the next connection. Streams and requests
 * belong to one connection and never get them.
 */
export class UnreadMessages {
  /** The channel in connections that have ended, the oldest first. */
  #endpoints: ChannelEndpoint[] = [];
  readonly #messages = new Fifo<Uint8Array>();
  /** What they cost of a window, so that their number is bounded as well: a message may be empty. */
  #bytes = 0;

  /**
   * Keeps what is unread in a connection that has ended, as far as it is not more than the channel may hold in one
   * connection: so a peer that comes and goes fills no memory.
   * @returns how many messages were dropped
   */
  keep(endpoint: ChannelEndpoint): number {
    const { unreadBytes } = endpoint;
    if (unreadBytes === 0) return 0;
    const kept = this.#endpoints.reduce((sum, each) => sum + each.unreadBytes, this.#bytes);
    if (kept + unreadBytes > endpoint.host.channelWindow) return endpoint.takeUnread().length;
    this.#endpoints.push(endpoint);
    return 0;
  }

  /** Takes over what nobody else reads any more; whether there is something to read. */
  collect(): boolean {
    if (this.#endpoints.length > 0) {
      for (const endpoint of this.#endpoints) {
        for (const message of endpoint.takeUnread()) {
          this.#bytes += costOf(message);
          this.#messages.push(message);
        }
      }
      this.#endpoints = this.#endpoints.filter(({ unreadBytes }) => unreadBytes > 0);
    }
    return this.#messages.length > 0;
  }

  /** The oldest message. */
  shift(): Uint8Array | undefined {
    const message = this.#messages.shift();
    if (message !== undefined) this.#bytes -= costOf(message);
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
