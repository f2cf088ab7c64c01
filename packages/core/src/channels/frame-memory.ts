import { runAsMicrotask } from '../platform/clock.js';
import { partOf } from '../platform/array-methods.js';
import type { FrameLink } from '../wire/frame-link.js';
import { copyOf, ownedBytes } from './owned-bytes.js';

/**
 * The memory in which a transport hands over its frames. This object makes the arrays of messages from it: copies, views,
 * and plain arrays for reading in place. It remembers the properties of the last array, because reading them for each
 * message is expensive.
 */
export class FrameMemory {
  /** The array in which the transport keeps all its frames, if it has one and it is a plain one. */
  #permanent: Uint8Array | undefined;
  /** The array of the last frames. Asking an array for its buffer costs more than copying a few bytes. */
  #last: Uint8Array | undefined;
  #lastBuffer: ArrayBufferLike | undefined;
  #lastOffset = 0;
  #lastPlain: Uint8Array | undefined;

  start({ writer }: FrameLink): void {
    const { claimedBytes } = writer;
    this.#permanent = claimedBytes?.constructor === Uint8Array ? claimedBytes : undefined;
    this.#forgetLast();
  }

  /** The link is gone. A program may keep the connection for long, and this object must not keep the link's memory. */
  stop(): void {
    this.#permanent = undefined;
    this.#forgetLast();
  }

  /** Returns bytes that the program may keep. */
  copy(bytes: Uint8Array, start: number, end: number, isOwned: boolean): Uint8Array {
    return bytes === this.#permanent ? copyOf(bytes, start, end) : ownedBytes(bytes, start, end, isOwned);
  }

  /** Returns a plain view, also if the transport uses a subclass. */
  borrow(bytes: Uint8Array, start: number, end: number, isOwned: boolean): Uint8Array {
    if (isOwned) return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
    if (bytes !== this.#last) this.#note(bytes);
    return new Uint8Array(this.#lastBuffer as ArrayBufferLike, this.#lastOffset + start, end - start);
  }

  /**
   * Returns a plain array over all of the transport's one: the methods of a subclass must not reach the program. The
   * transport still uses an array that it owns, so the program gets another one, whose properties it may change.
   */
  plain(bytes: Uint8Array, isOwned: boolean): Uint8Array {
    if (isOwned) return bytes.constructor === Uint8Array ? bytes : partOf(bytes, 0);
    if (bytes !== this.#last) this.#note(bytes);
    this.#lastPlain ??= new Uint8Array(this.#lastBuffer as ArrayBufferLike, this.#lastOffset, bytes.length);
    return this.#lastPlain;
  }

  #note(bytes: Uint8Array): void {
    this.#last = bytes;
    this.#lastBuffer = bytes.buffer;
    this.#lastOffset = bytes.byteOffset;
    this.#lastPlain = undefined;
    // Another array is a piece of a stream, and this reference must not keep it.
    if (bytes !== this.#permanent) runAsMicrotask(this.#forgetLast);
  }

  readonly #forgetLast = (): void => {
    this.#last = undefined;
    this.#lastBuffer = undefined;
    this.#lastPlain = undefined;
  };
}
