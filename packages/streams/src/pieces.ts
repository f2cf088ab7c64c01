import { messageBytes } from '@entropynet/core';
import { lengthOf, partOf } from '@entropynet/core/platform';

/** A chunk in the form of a Writable. */
export interface Chunk {
  readonly chunk: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);

/**
 * The memory in which short chunks are joined. All streams of the thread share it, because the transport copies a piece
 * before the next one is made.
 */
let packed: Uint8Array = NO_BYTES;

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
    while (first !== undefined && this.#offset === lengthOf(first)) {
      this.#index += 1;
      this.#offset = 0;
      first = this.#chunk(this.#index);
    }
    if (first === undefined) return undefined;
    const rest = lengthOf(first) - this.#offset;
    const isAlone = rest >= limit || this.#index === this.#chunks.length - 1;
    return isAlone ? partOf(first, this.#offset, this.#offset + Math.min(rest, limit)) : this.#pack(limit);
  }

  /** Skips `bytes`, the length of the piece that was sent. */
  advance(bytes: number): void {
    let left = bytes;
    while (left > 0) {
      const chunk = this.#chunk(this.#index);
      // A chunk over memory that can shrink may have become shorter since its piece was made.
      if (chunk === undefined) return;
      const rest = lengthOf(chunk) - this.#offset;
      if (left < rest) {
        this.#offset += left;
        return;
      }
      left -= rest;
      this.#index += 1;
      this.#offset = 0;
    }
  }

  /** Returns a chunk whose memory exists. Its properties may be false, and reading them may run code of the program. */
  #chunk(index: number): Uint8Array | undefined {
    const given = this.#chunks[index]?.chunk;
    return given === undefined ? undefined : messageBytes(given);
  }

  /** Hot path for bursts of short chunks: one copy a chunk, and no view of it. */
  #pack(limit: number): Uint8Array {
    const memory = packed.length < limit ? new Uint8Array(limit) : packed;
    // Reading a chunk may run code of the program that writes to another stream.
    packed = NO_BYTES;
    let filled = 0;
    let offset = this.#offset;
    for (let index = this.#index; filled < limit; index += 1) {
      const part = this.#chunk(index);
      if (part === undefined) break;
      const end = Math.min(lengthOf(part), offset + limit - filled);
      memory.set(offset === 0 && end === lengthOf(part) ? part : partOf(part, offset, end), filled);
      filled += end - offset;
      offset = 0;
    }
    packed = memory;
    return memory.subarray(0, filled);
  }
}
