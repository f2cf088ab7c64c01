import type { Channel, NetworkError } from '@entropynet/core';

/** What waits to be sent: one message, or several of which nothing may come in between. */
export interface Outgoing {
  readonly frames: readonly Uint8Array[];
  /** The transport took all of it. */
  onSent(): void;
  /** It can never be sent; the first frames of several may have been. */
  onFailed(error: NetworkError): void;
}

/**
 * What one side says on the channel of requests, in order. It waits here and not in the connection's queue: that is
 * limited in bytes and in time, which a reply must outlast, and what waits here can be taken back.
 */
export class Outbox {
  /** Undefined before the channel is open, and after `close()`. */
  #channel: Channel | undefined;
  #unsubscribe: (() => void) | undefined;
  readonly #waiting = new Set<Outgoing>();
  /** How many frames of the first message were sent. */
  #sentOfFirst = 0;
  #isFinishing = false;
  #isPumping = false;

  /** Whether something waits. */
  get isBlocked(): boolean {
    return this.#waiting.size > 0;
  }

  /** The channel is open: what was pushed before goes first. */
  start(channel: Channel): void {
    this.#channel = channel;
    this.#unsubscribe = channel.subscribe('drain', this.#pump);
    this.#pump();
  }

  /** Sends a message now, or when there is room and all before it were sent. */
  push(message: Outgoing): void {
    this.#waiting.add(message);
    if (this.#waiting.size === 1) this.#pump();
  }

  /** Takes a message back; false where it was sent. */
  withdraw(message: Outgoing): boolean {
    const isFirst = this.#first === message;
    if (!this.#waiting.delete(message)) return false;
    if (isFirst) {
      this.#sentOfFirst = 0;
      this.#pump();
    }
    return true;
  }

  /** Sends what waits, and nothing after it. */
  finish(): void {
    this.#isFinishing = true;
    if (this.#channel === undefined) this.close();
    else this.#pump();
  }

  /** Forgets what waits. */
  close(): void {
    this.#unsubscribe?.();
    this.#channel = undefined;
    this.#waiting.clear();
  }

  get #first(): Outgoing | undefined {
    const [first] = this.#waiting;
    return first;
  }

  readonly #pump = (): void => {
    // Sending may call back into here before the message counts as sent.
    if (this.#isPumping) return;
    this.#isPumping = true;
    this.#sendAll();
    this.#isPumping = false;
    if (this.#isFinishing && !this.isBlocked) this.close();
  };

  #sendAll(): void {
    for (let first = this.#first; first !== undefined; first = this.#first) {
      const channel = this.#channel;
      if (channel === undefined) return;
      const error = this.#send(channel, first);
      // Full: the channel tells when there is room.
      if (error?.code === 'WouldBlock') return;
      this.#sentOfFirst = 0;
      // It may have been taken back while it was sent.
      if (!this.#waiting.delete(first)) continue;
      if (error === undefined) first.onSent();
      else first.onFailed(error);
    }
  }

  /** Sends the frames of a message that are left; why the next one was not taken. */
  #send(channel: Channel, { frames }: Outgoing): NetworkError | undefined {
    for (let frame = frames[this.#sentOfFirst]; frame !== undefined; frame = frames[this.#sentOfFirst]) {
      const sent = channel.trySend(frame);
      if (!sent.ok) return sent.error;
      this.#sentOfFirst += 1;
    }
    return undefined;
  }
}
