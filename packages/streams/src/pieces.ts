import { messageBytes } from '@entropynet/core';

/** A chunk in the form of a Writable. */
export interface Chunk {
  readonly chunk: Uint8Array;
}

/**
 * The memory in which short chunks are joined. All streams of the thread share it, because the transport copies a piece
 * before the next one is made.
 */
let packed = new Uint8Array(0);

/** Makes pieces of bounded length from chunks: it cuts a long chunk, and joins short ones in a row. */
export class Pieces {
  readonly #chunks: readonly Chunk[];
  #index = 0;
  #offset = 0;

  constructor(chunks: readonly Chunk[]) {
    this.#chunks = chunks;
  }

  /**
   * Returns the next piece, of at most `limit` bytes and never empty; undefined at the end. Before `advance` it returns
   * the same bytes again. The piece is valid until the next call for any stream.
   */
  next(limit: number): Uint8Array | undefined {
    let first = this.#chunk(this.#index);
    while (first !== undefined && this.#offset === first.length) {
      this.#index += 1;
      this.#offset = 0;
      first = this.#chunk(this.#index);
    }
    if (first === undefined) return undefined;
    const isAlone = first.length - this.#offset >= limit || this.#index === this.#chunks.length - 1;
    if (!isAlone) return this.#pack(limit);
    const isWhole = this.#offset === 0 && first.length <= limit;
    return isWhole ? first : first.subarray(this.#offset, this.#offset + limit);
  }

  /** Skips `bytes`, the length of the piece that was sent. */
  advance(bytes: number): void {
    let left = bytes;
    while (left > 0) {
      const rest = (this.#chunk(this.#index)?.length ?? 0) - this.#offset;
      if (left < rest) {
        this.#offset += left;
        return;
      }
      left -= rest;
      this.#index += 1;
      this.#offset = 0;
    }
  }

  /** Reads a chunk as plain bytes, because an instance of a Buffer's subclass may report a false length. */
  #chunk(index: number): Uint8Array | undefined {
    const given = this.#chunks[index]?.chunk;
    return given === undefined ? undefined : messageBytes(given);
  }

  /** Hot path for bursts of short chunks: one copy a chunk, and no view of it. */
  #pack(limit: number): Uint8Array {
    if (packed.length < limit) packed = new Uint8Array(limit);
    let filled = 0;
    let index = this.#index;
    let part = this.#chunk(index)?.subarray(this.#offset);
    while (part !== undefined && part.length <= limit - filled) {
      packed.set(part, filled);
      filled += part.length;
      index += 1;
      part = this.#chunk(index);
    }
    if (part !== undefined && filled < limit) {
      packed.set(part.subarray(0, limit - filled), filled);
      filled = limit;
    }
    return packed.subarray(0, filled);
  }
}
