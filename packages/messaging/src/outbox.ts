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
  readonly #waiting = new Roster<Outgoing>();
  /** The number of frames of the first message that were sent. */
  #sentOfFirst = 0;
  #isFinishing = false;
  #isPumping = false;

  /** Whether messages wait. */
  get isBlocked(): boolean {
    return this.#waiting.size > 0;
  }

  /** The channel is open: sends the messages that wait first. */
  start(channel: Channel): void {
    this.#channel = channel;
    this.#unsubscribe = channel.subscribe('drain', this.#pump);
    this.#pump();
  }

  /** Sends a message now, or later, when there is room and all earlier ones were sent. */
  push(message: Outgoing): void {
    this.#waiting.add(message);
    if (this.#waiting.size === 1) this.#pump();
  }

  /** Withdraws a message. Returns false if it was sent. */
  withdraw(message: Outgoing): boolean {
    const isFirst = this.#first === message;
    if (!this.#waiting.delete(message)) return false;
    if (isFirst) {
      this.#sentOfFirst = 0;
      this.#pump();
    }
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
    for (const message of this.#waiting) this.#waiting.delete(message);
  }

  get #first(): Outgoing | undefined {
    const [first] = this.#waiting;
    return first;
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
      const error = this.#send(channel, first);
      // The channel is full and reports when there is room.
      if (error?.code === 'WouldBlock') return;
      this.#sentOfFirst = 0;
      // The message may have been withdrawn while it was sent.
      if (!this.#waiting.delete(first)) continue;
      if (error === undefined) first.onSent();
      else first.onFailed(error);
    }
  }

  /** Sends the remaining frames of a message. Returns the error of the first frame that the channel refused. */
  #send(channel: Channel, { frames }: Outgoing): NetworkError | undefined {
    for (let frame = frames[this.#sentOfFirst]; frame !== undefined; frame = frames[this.#sentOfFirst]) {
      const sent = channel.trySend(frame);
      if (!sent.ok) return sent.error;
      this.#sentOfFirst += 1;
    }
    return undefined;
  }
}
