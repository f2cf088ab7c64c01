import { unwrittenBytes } from '@entropynet/core/platform';

/** Shorter frames come from the pool of Node.js, so a spare one would gain nothing. */
export const MIN_SPARE_BYTES = 16 * 1024;

/** The largest size of the spare memory, in bytes: two windows of the default size. Beyond it the oldest goes first. */
const MAX_KEPT_BYTES = 2 * 1024 * 1024;

/**
 * Memory of large frames that the kernel has taken. Later frames reuse it. Fresh memory costs more than the copy into
 * it, because of page faults and garbage collections.
 */
export class SpareFrames {
  readonly #spare: Buffer[] = [];
  #keptBytes = 0;

  /**
   * Returns a frame of `length` bytes with undefined contents. The caller must write every byte before it sends one.
   */
  take(length: number): Buffer {
    for (let index = this.#spare.length - 1; index >= 0; index -= 1) {
      const memory = this.#spare[index] as Buffer;
      // A frame uses at least half of its memory, so that small frames do not use up the memory of large ones.
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
    // Frames of a length that is no longer in use must not displace those of the lengths in use.
    while (this.#keptBytes > MAX_KEPT_BYTES) this.#keptBytes -= (this.#spare.shift() as Buffer).length;
  }
}

/** The spare frames of this thread. */
export const spareFrames = new SpareFrames();
