/**
 * Where short chunks are put together. All streams of the thread share it: the transport copies a piece before the next
 * one is made.
 */
let packed = new Uint8Array(0);

/** Chunks as pieces of bounded length: a long chunk is cut, short ones in a row are put together. */
export class Pieces {
  readonly #chunks: readonly Uint8Array[];
  #index = 0;
  #offset = 0;

  constructor(chunks: readonly Uint8Array[]) {
    this.#chunks = chunks;
  }

  /**
   * The next piece, of at most `limit` bytes and never empty; undefined at the end. The same bytes until `advance` is
   * called. Valid until the next call for any stream.
   */
  next(limit: number): Uint8Array | undefined {
    let first = this.#chunks[this.#index];
    while (first !== undefined && this.#offset === first.length) {
      this.#index += 1;
      this.#offset = 0;
      first = this.#chunks[this.#index];
    }
    if (first === undefined) return undefined;
    const isAlone = first.length - this.#offset >= limit || this.#index === this.#chunks.length - 1;
    return isAlone ? first.subarray(this.#offset, this.#offset + limit) : this.#pack(limit);
  }

  /** Leaves `bytes` behind, which is the length of the piece that was sent. */
  advance(bytes: number): void {
    let left = bytes;
    while (left > 0) {
      const rest = (this.#chunks[this.#index]?.length ?? 0) - this.#offset;
      if (left < rest) {
        this.#offset += left;
        return;
      }
      left -= rest;
      this.#index += 1;
      this.#offset = 0;
    }
  }

  #pack(limit: number): Uint8Array {
    if (packed.length < limit) packed = new Uint8Array(limit);
    let filled = 0;
    let offset = this.#offset;
    for (let index = this.#index; index < this.#chunks.length && filled < limit; index += 1) {
      const part = this.#chunks[index]?.subarray(offset, offset + limit - filled);
      if (part !== undefined) packed.set(part, filled);
      filled += part?.length ?? 0;
      offset = 0;
    }
    return packed.subarray(0, filled);
  }
}
