import { markAsUntransferable } from 'node:worker_threads';
import { NetworkError } from '@entropynet/core';
import { runAsMicrotask } from '@entropynet/core/platform';
import { errorOf } from './control-message.js';

/** Where the bytes go. */
export interface IncomingEvents {
  /** A chunk for the reader, which owns it. */
  onBytes(chunk: Buffer): void;
  /** The peer ended its direction. */
  onEnd(): void;
  /** The peer gave the stream up (`Aborted`), or does not speak the protocol (`InvalidMessage`). */
  onFailed(error: NetworkError): void;
}

/** Shorter messages are put together: a chunk costs its reader more than their copy. */
const DIRECT_BYTES = 4096;

/** Short messages share so much memory. A reader that keeps one of them keeps all of it. */
const POOL_BYTES = 16_384;

/** Turns messages into bytes. Those that arrive in one go become one chunk, which is handed over in a microtask. */
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

  /** Takes one message, whose bytes belong to the stream from here on. */
  take(message: Uint8Array): void {
    if (this.#isControlNext) this.#takeControl(message);
    else if (message.length === 0) this.#isControlNext = true;
    else if (this.#hasEnded) this.#fail('the peer sent bytes after its end');
    else if (message.length >= DIRECT_BYTES) {
      this.flush();
      this.#events.onBytes(Buffer.from(message.buffer, message.byteOffset, message.length));
    } else this.#gather(message);
  }

  /** Hands over what was put together so far. */
  flush(): void {
    this.#isFlushDue = false;
    if (this.#filled === this.#start) return;
    const chunk = this.#pool.subarray(this.#start, this.#filled);
    this.#start = this.#filled;
    this.#events.onBytes(chunk);
  }

  #gather(message: Uint8Array): void {
    if (message.length > this.#pool.length - this.#filled) {
      this.flush();
      this.#pool = newPool();
      this.#start = 0;
      this.#filled = 0;
    }
    this.#pool.set(message, this.#filled);
    this.#filled += message.length;
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    runAsMicrotask(this.#flushLater);
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

/** As Node.js's own pool: a reader that transferred the memory of one chunk would take that of the others along. */
function newPool(): Buffer<ArrayBuffer> {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
  try {
    markAsUntransferable(pool.buffer);
  } catch {
    // A runtime without that call.
  }
  return pool;
}
