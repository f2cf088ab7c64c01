import { unwrittenBytes } from '@entropynet/core/platform';

/** Shorter frames come from Node.js' own pool; a spare one would gain nothing. */
export const MIN_SPARE_BYTES = 16 * 1024;

/** So much is kept at most, in bytes: two windows of the default size. What was given back longest ago goes first. */
const MAX_KEPT_BYTES = 2 * 1024 * 1024;

/**
 * Memory of large frames that the kernel has taken, for the next ones: fresh memory costs more than the copy into it, in
 * page faults and collections.
 */
export class SpareFrames {
  readonly #spare: Buffer[] = [];
  #keptBytes = 0;

  /** A frame of `length` bytes, none of which is to be sent without being written first. */
  take(length: number): Buffer {
    for (let index = this.#spare.length - 1; index >= 0; index -= 1) {
      const memory = this.#spare[index] as Buffer;
      // Half at least, so that small frames do not use up the memory of large ones.
      if (memory.length < length || memory.length > 2 * length) continue;
      this.#spare.splice(index, 1);
      this.#keptBytes -= memory.length;
      return memory.length === length ? memory : memory.subarray(0, length);
    }
    return Buffer.from(unwrittenBytes(length).buffer);
  }

  /** Takes back a frame that nobody reads any more. */
  give(frame: Buffer): void {
    const { byteLength } = frame.buffer;
    if (byteLength > MAX_KEPT_BYTES) return;
    this.#spare.push(frame.length === byteLength ? frame : Buffer.from(frame.buffer));
    this.#keptBytes += byteLength;
    // Memory of a length that nobody sends any more must not take the place of the lengths in use.
    while (this.#keptBytes > MAX_KEPT_BYTES) this.#keptBytes -= (this.#spare.shift() as Buffer).length;
  }
}

/** Those of this thread. */
export const spareFrames = new SpareFrames();
