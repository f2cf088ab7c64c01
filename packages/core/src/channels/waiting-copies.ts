import { lengthOf, plainView } from './message-bytes.js';

/** Shorter copies come from the heap's fast path; a spare one would gain nothing. */
const MIN_SPARE_BYTES = 16 * 1024;

/**
 * Makes the copies of messages that have to wait, and uses the memory of one that is done for the next: fresh memory of
 * a large message costs more than copying it, in page faults and collections. What is spare is held weakly, so that a
 * connection that sent something large once does not keep its size.
 */
export class WaitingCopies {
  #spare: WeakRef<ArrayBufferLike> | undefined;

  /** The bytes of `data` from `start` on, the caller's alone until it gives them to `release`. */
  copy(data: Uint8Array, start: number): Uint8Array {
    const length = lengthOf(data) - start;
    let memory = length < MIN_SPARE_BYTES ? undefined : this.#spare?.deref();
    // Half at least, so that a small message does not hold the memory of a very large one.
    if (memory === undefined || memory.byteLength < length || memory.byteLength > 2 * length) {
      // Not `slice`, which asks the array's class for memory: it could be somebody else's.
      memory = new ArrayBuffer(length);
    } else this.#spare = undefined;
    const copy = new Uint8Array(memory, 0, length);
    copy.set(plainView(data, start));
    return copy;
  }

  /** Takes a copy back that nobody looks at any more. */
  release(copy: Uint8Array): void {
    if (copy.length >= MIN_SPARE_BYTES) this.#spare = new WeakRef(copy.buffer);
  }
}
