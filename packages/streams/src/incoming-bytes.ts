import { markAsUntransferable } from 'node:worker_threads';
import { NetworkError, receiveShortage } from '@entropynet/core';
import { runAsMicrotask } from '@entropynet/core/platform';
import { errorOf } from './control-message.js';

/** The events of the incoming bytes. */
export interface IncomingEvents {
  /** A chunk for the reader. The reader owns it. */
  onBytes(chunk: Buffer): void;
  /** The peer ended its direction. */
  onEnd(): void;
  /**
   * The peer aborted the stream (`Aborted`) or broke the protocol (`InvalidMessage`), or there is no memory for its
   * bytes (`ResourceLimitExceeded`).
   */
  onFailed(error: NetworkError): void;
}

/** Shorter messages are joined, because a chunk costs its reader more than the copy. */
const DIRECT_BYTES = 4096;

/** The size of the memory that short messages share. A reader that keeps one of them keeps all of it. */
const POOL_BYTES = 16_384;

/** Turns messages into bytes. Messages that arrive together become one chunk, which a microtask passes on. */
export class IncomingBytes {
  readonly #events: IncomingEvents;
  #pool = Buffer.alloc(0);
  #start = 0;
  #filled = 0;
  #isFlushDue = false;
  #isControlNext = false;
  #hasEnded = false;

  constructor(events: IncomingEvents) {
    this.#events = events;
  }

  /** Takes one message. The stream owns its bytes from now on. */
  take(message: Uint8Array): void {
    if (this.#isControlNext) this.#takeControl(message);
    else if (message.length === 0) this.#isControlNext = true;
    else if (this.#hasEnded) this.#fail('the peer sent bytes after its end');
    else if (message.length >= DIRECT_BYTES) {
      this.flush();
      this.#events.onBytes(Buffer.from(message.buffer, message.byteOffset, message.length));
    } else this.#gather(message);
  }

  /** Passes on the bytes that were joined so far. */
  flush(): void {
    this.#isFlushDue = false;
    if (this.#filled === this.#start) return;
    const chunk = this.#pool.subarray(this.#start, this.#filled);
    this.#start = this.#filled;
    this.#events.onBytes(chunk);
  }

  #gather(message: Uint8Array): void {
    if (message.length > this.#pool.length - this.#filled && !this.#renewPool()) return;
    this.#pool.set(message, this.#filled);
    this.#filled += message.length;
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    runAsMicrotask(this.#flushLater);
  }

  /** Returns false if there is no memory. Then the stream fails, because its bytes would have a gap. */
  #renewPool(): boolean {
    this.flush();
    try {
      this.#pool = newPool();
    } catch (error) {
      this.#events.onFailed(receiveShortage(error));
      return false;
    }
    this.#start = 0;
    this.#filled = 0;
    return true;
  }

  readonly #flushLater = (): void => {
    this.flush();
  };

  #takeControl(message: Uint8Array): void {
    this.#isControlNext = false;
    this.flush();
    const error = errorOf(message);
    if (error !== undefined) this.#events.onFailed(error);
    else if (this.#hasEnded) this.#fail('the peer ended its direction twice');
    else {
      this.#hasEnded = true;
      this.#events.onEnd();
    }
  }

  #fail(sentence: string): void {
    this.#events.onFailed(new NetworkError('InvalidMessage', sentence));
  }
}

/**
 * The pool can't be transferred, like the pool of Node.js: otherwise a reader that transfers one chunk would take the
 * memory of the others.
 */
function newPool(): Buffer<ArrayBuffer> {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
  try {
    markAsUntransferable(pool.buffer);
  } catch {
    // A runtime without that function.
  }
  return pool;
}
