import type { Channel, Connection, ConsumerLease, NetworkError } from '@entropynet/core';

/** The members of a connection that its reader uses. */
export type ReadConnection = Pick<Connection, 'channel' | 'startReceiving'>;

/** The events of a channel during a transfer. */
export interface ChannelMessagesEvents {
  onMessage(data: Uint8Array): void;
  /** No further message can arrive. The error is that of a failed connection. */
  onEnd(error: NetworkError | undefined): void;
}

/**
 * The messages of one channel during one transfer. Messages of an earlier transfer are never among them: it reads one
 * connection, and a transfer that fails drops those that it has not read.
 */
export class ChannelMessages {
  readonly #channel: Channel;
  readonly #lease: ConsumerLease;
  #isDropping = false;
  #hasEnded = false;

  /** Starts receiving. Throws a `NetworkError` (`AlreadyExists`) if the channel has another consumer. */
  constructor(connection: ReadConnection, name: string, events: ChannelMessagesEvents) {
    this.#channel = connection.channel(name);
    this.#lease = this.#channel.take(
      {
        onMessage: (data) => {
          if (!this.#isDropping) events.onMessage(data);
        },
        onEnd: ({ state, error }) => {
          this.#hasEnded = true;
          events.onEnd(state === 'failed' ? error : undefined);
        },
      },
      { name: 'a file transfer' },
    );
    connection.startReceiving();
  }

  /** Whether the channel is open. */
  get isOpen(): boolean {
    return this.#channel.isOpen;
  }

  /** Whether no further message can arrive. A handle may have its next connection then. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  pause(): void {
    this.#lease.pause();
  }

  resume(): void {
    this.#lease.resume();
  }

  /** Stops receiving. The channel stays open for the next transfer. */
  release(): void {
    this.#lease.release();
  }

  /** The transfer has failed: closes the channel, and drops what the other side has sent until then. */
  async abandon(): Promise<void> {
    this.#isDropping = true;
    this.#lease.resume();
    // A microtask delivers what has arrived. After the end of this channel, its name may mean one of the next transfer.
    await Promise.resolve();
    if (!this.#hasEnded) await this.#channel.close();
    this.#lease.release();
  }
}
