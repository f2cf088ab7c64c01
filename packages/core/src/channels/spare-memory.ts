import { heapWeight } from '../platform/heap-weight.js';
import { unwrittenBytes } from '../platform/long-memory.js';
import { err, type Failure, ok, type Result } from '../result/result.js';
import { bufferOf, lengthOf, partOf } from '../platform/array-methods.js';

/** The heap allocates shorter arrays fast, so a spare one would gain nothing. */
const MIN_SPARE_BYTES = 16 * 1024;

/**
 * The memory of large messages. It is used again for later ones: fresh memory for a large message costs more than the
 * copy into it, because of page faults and garbage collections. A weak reference holds the spare memory, so that a
 * connection that sent one large message does not keep its size.
 */
export class SpareMemory {
  #spare: WeakRef<ArrayBufferLike> | undefined;

  /**
   * Copies the bytes of `data` from `start` on. The caller owns the copy until it passes it to `release`.
   * `ResourceLimitExceeded`: there is no memory for it.
   */
  copy(data: Uint8Array, start: number): Result<Uint8Array> {
    const length = lengthOf(data) - start;
    let copy: Uint8Array;
    try {
      copy = this.unwritten(length);
    } catch (error) {
      return noMemory(length, error);
    }
    copy.set(partOf(data, start));
    return ok(copy);
  }

  /**
   * Returns memory whose every byte the caller must write before it shares the array. The caller owns it until it
   * passes it to `release`. Throws if there is no memory.
   */
  unwritten(length: number): Uint8Array {
    return this.#take(length) ?? unwrittenBytes(length);
  }

  /**
   * Returns room for a message that the program writes. It contains zeros or an earlier message, and never what else
   * this process had in its memory. The caller owns it until it passes it to `release`. Throws if there is no memory.
   */
  room(length: number): Uint8Array {
    return this.#take(length) ?? unwrittenBytes(length).fill(0);
  }

  /** Takes back the memory of a message that nobody reads any more. A program may have changed the properties of the array. */
  release(bytes: Uint8Array): void {
    if (lengthOf(bytes) >= MIN_SPARE_BYTES) this.#spare = new WeakRef(bufferOf(bytes));
  }

  /** Forgets the spare memory: what is in it was for an earlier peer. */
  clear(): void {
    this.#spare = undefined;
  }

  /** Takes the spare memory if it fits. */
  #take(length: number): Uint8Array | undefined {
    const memory = length < MIN_SPARE_BYTES ? undefined : this.#spare?.deref();
    // The memory is used at least half, so that a small message does not hold the memory of a very large one.
    if (memory === undefined || memory.byteLength < length || memory.byteLength > 2 * length) return undefined;
    this.#spare = undefined;
    // A full collection ends the weak reference, so a light heap would lose the memory every few messages.
    heapWeight.need(length);
    return new Uint8Array(memory, 0, length);
  }
}

/** The error of a message that has to wait, and for whose copy there is no memory. */
export function noMemory(length: number, error: unknown): Failure {
  return err('ResourceLimitExceeded', `there is no memory left in which ${length} bytes of a message can wait`, error);
}
