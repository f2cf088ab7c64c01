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
    const length = data.length - start;
    const spare = length < MIN_SPARE_BYTES ? undefined : this.#spare?.deref();
    // Half at least, so that a small message does not hold the memory of a very large one.
    if (spare === undefined || spare.byteLength < length || spare.byteLength > 2 * length) {
      return Uint8Array.prototype.slice.call(data, start);
    }
    this.#spare = undefined;
    const copy = new Uint8Array(spare, 0, length);
    copy.set(start === 0 ? data : data.subarray(start));
    return copy;
  }

  /** Takes a copy back that nobody looks at any more. */
  release(copy: Uint8Array): void {
    if (copy.length >= MIN_SPARE_BYTES) this.#spare = new WeakRef(copy.buffer);
  }
}
