import { unwrittenBytes } from '../platform/long-memory.js';
import { ok, type Result } from '../result/result.js';
import { lengthOf, plainView } from './message-bytes.js';
import { noMemory } from './refusals.js';

/** The heap allocates shorter copies fast, so a spare one would gain nothing. */
const MIN_SPARE_BYTES = 16 * 1024;

/**
 * Copies the messages that have to wait, and reuses the memory of earlier copies. Fresh memory for a large message
 * costs more than the copy itself, because of page faults and garbage collections. A weak reference holds the spare
 * memory, so that a connection that sent one large message does not keep its size.
 */
export class WaitingCopies {
  #spare: WeakRef<ArrayBufferLike> | undefined;

  /**
   * Copies the bytes of `data` from `start` on. The caller owns the copy until it passes it to `release`.
   * `ResourceLimitExceeded`: there is no memory for it.
   */
  copy(data: Uint8Array, start: number): Result<Uint8Array> {
    const length = lengthOf(data) - start;
    let memory = length < MIN_SPARE_BYTES ? undefined : this.#spare?.deref();
    // The memory is used at least half, so that a small message does not hold the memory of a very large one.
    if (memory === undefined || memory.byteLength < length || memory.byteLength > 2 * length) {
      try {
        memory = unwrittenBytes(length).buffer;
      } catch (error) {
        return noMemory(length, error);
      }
    } else this.#spare = undefined;
    const copy = new Uint8Array(memory, 0, length);
    copy.set(plainView(data, start));
    return ok(copy);
  }

  /** Takes back a copy that nobody reads any more. */
  release(copy: Uint8Array): void {
    if (copy.length >= MIN_SPARE_BYTES) this.#spare = new WeakRef(copy.buffer);
  }
}
