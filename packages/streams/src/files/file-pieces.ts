import type { NetworkError } from '@entropynet/core';
import { ChannelMessages, type ReadConnection } from './channel-messages.js';

interface Waiter {
  readonly resolve: (piece: Uint8Array | undefined) => void;
  readonly reject: (reason: unknown) => void;
}

/** The bytes of a file, one message at a time, so that a slow disk holds the sender back. */
export class FilePieces {
  readonly #messages: ChannelMessages;
  readonly #stop: AbortSignal;
  #waiter: Waiter | undefined;
  #hasBegun = false;
  #end: { readonly error: NetworkError | undefined } | undefined;

  /** @param stop ends a call that waits, with the signal's reason */
  constructor(connection: ReadConnection, channel: string, stop: AbortSignal) {
    this.#stop = stop;
    this.#messages = new ChannelMessages(connection, channel, {
      onMessage: (piece) => {
        // A sender sends no bytes before it has offered a file. These are of a transfer that its sender gave up.
        if (!this.#hasBegun) return;
        this.#messages.pause();
        this.#settle(({ resolve }) => {
          resolve(piece);
        });
      },
      onEnd: (error) => {
        this.#end = { error };
        this.#settle((waiter) => {
          this.#tellEnd(waiter, error);
        });
      },
    });
    stop.addEventListener('abort', () => {
      this.#settle(({ reject }) => {
        reject(stop.reason);
      });
    });
  }

  /** The other side has offered a file: the messages from now on are its bytes. */
  begin(): void {
    this.#hasBegun = true;
    this.#messages.pause();
  }

  /** Returns the next message; undefined after the last one. Rejects if the connection failed. One call at a time. */
  next(): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#stop.throwIfAborted();
      const waiter: Waiter = { resolve, reject };
      if (this.#end !== undefined) {
        this.#tellEnd(waiter, this.#end.error);
        return;
      }
      this.#waiter = waiter;
      this.#messages.resume();
    });
  }

  /** Stops receiving. The channel stays open for the next transfer. */
  release(): void {
    this.#messages.release();
  }

  /** The transfer has failed: closes the channel, and drops what the other side has sent until then. */
  abandon(): Promise<void> {
    return this.#messages.abandon();
  }

  #settle(how: (waiter: Waiter) => void): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter !== undefined) how(waiter);
  }

  #tellEnd({ resolve, reject }: Waiter, error: NetworkError | undefined): void {
    if (error === undefined) resolve(undefined);
    else reject(error);
  }
}
