import { type Channel, type NetworkError, Roster } from '@entropynet/core';

/** A unit that waits to be sent: one message, or several without other messages in between. */
export interface Outgoing {
  readonly frames: readonly Uint8Array[];
  /** The transport took all of it. */
  onSent(): void;
  /** It can't be sent. If it has several frames, the first ones may have been sent. */
  onFailed(error: NetworkError): void;
}

/**
 * The messages of one side on the channel of requests, in order. They wait here and not in the connection's queue. That
 * queue has limits of bytes and time, but a reply must wait longer. A message that waits here can also be withdrawn.
 */
export class Outbox {
  /** Undefined before the channel is open, and after `close()`. */
  #channel: Channel | undefined;
  #unsubscribe: (() => void) | undefined;
  #first: Outgoing | undefined;
  /** The messages behind the first one. A message that finds no other one does not enter it. */
  readonly #others = new Roster<Outgoing>();
  /** The number of frames of the first message that were sent. */
  #sentOfFirst = 0;
  #isFinishing = false;
  #isPumping = false;

  /** Whether messages wait. */
  get isBlocked(): boolean {
    return this.#first !== undefined;
  }

  /** The channel is open: sends the messages that wait first. */
  start(channel: Channel): void {
    this.#channel = channel;
    this.#unsubscribe = channel.subscribe('drain', this.#pump);
    this.#pump();
  }

  /** Sends a message now, or later, when there is room and all earlier ones were sent. */
  push(message: Outgoing): void {
    if (this.#first === undefined) {
      this.#first = message;
      this.#pump();
    } else this.#others.add(message);
  }

  /** Withdraws a message. Returns false if it was sent. */
  withdraw(message: Outgoing): boolean {
    if (this.#first !== message) return this.#others.delete(message);
    this.#advance();
    this.#pump();
    return true;
  }

  /** Sends the waiting messages, and accepts no more. */
  finish(): void {
    this.#isFinishing = true;
    if (this.#channel === undefined) this.close();
    else this.#pump();
  }

  /** Drops the waiting messages. */
  close(): void {
    this.#unsubscribe?.();
    this.#channel = undefined;
    this.#first = undefined;
    this.#sentOfFirst = 0;
    for (const message of this.#others) this.#others.delete(message);
  }

  /** The first message leaves, and the next one takes its place. */
  #advance(): void {
    const [next] = this.#others;
    if (next !== undefined) this.#others.delete(next);
    this.#first = next;
    this.#sentOfFirst = 0;
  }

  readonly #pump = (): void => {
    // Sending may call this method again before the message counts as sent.
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      this.#sendAll();
    } finally {
      this.#isPumping = false;
    }
    if (this.#isFinishing && !this.isBlocked) this.close();
  };

  #sendAll(): void {
    for (let first = this.#first; first !== undefined; first = this.#first) {
      const channel = this.#channel;
      if (channel === undefined) return;
      const error = this.#sendFirst(channel, first);
      // The message was withdrawn while it was sent.
      if (this.#first !== first) continue;
      // The channel is full and reports when there is room.
      if (error?.code === 'WouldBlock') return;
      this.#advance();
      if (error === undefined) first.onSent();
      else first.onFailed(error);
    }
  }

  /**
   * Sends the remaining frames of the first message, until it is withdrawn. Returns the error of the first frame that the
   * channel refused.
   */
  #sendFirst(channel: Channel, first: Outgoing): NetworkError | undefined {
    const { frames } = first;
    for (let frame = frames[this.#sentOfFirst]; frame !== undefined; frame = frames[this.#sentOfFirst]) {
      const sent = channel.trySend(frame);
      if (!sent.ok) return sent.error;
      if (this.#first !== first) return undefined;
      this.#sentOfFirst += 1;
    }
    return undefined;
  }
}
