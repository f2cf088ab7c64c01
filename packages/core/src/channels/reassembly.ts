import { unwrittenBytes } from '../platform/long-memory.js';
import { decodeUint32 } from '../wire/frame.js';

/**
 * Initial buffer for an announced message, in bytes; it grows with what arrives. Shorter than the fragments of
 * a peer with the default window, so that its messages get all of theirs with the first one.
 */
const FIRST_BYTES = 32 * 1024;

const NO_BYTES = new Uint8Array(0);

/** A message whose fragments are arriving. */
export class Reassembly {
  /** How long the message will be, in bytes. */
  readonly total: number;
  #bytes: Uint8Array = NO_BYTES;
  #received = 0;

  constructor(total: number) {
    this.total = total;
  }

  /**
   * Begins the message that a start frame announces: its length, of 1 to `maxBytes`, in four bytes.
   * @returns how the peer broke the protocol, where it announces something else
   */
  static announced(bytes: Uint8Array, start: number, end: number, maxBytes: number): Reassembly | string {
    const total = end - start === 4 ? decodeUint32(bytes, start) : 0;
    if (total > 0 && total <= maxBytes) return new Reassembly(total);
    return `a message of ${total} bytes where 1 to ${maxBytes} are allowed`;
  }

  /** How many bytes are still to come. */
  get missing(): number {
    return this.total - this.#received;
  }

  /** The message, once nothing is missing. The caller owns it from then on. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /**
   * Copies the next fragment.
   * @returns how the peer broke the protocol, where the fragment is empty or has more bytes than are missing
   */
  add(bytes: Uint8Array, start: number, end: number): string | undefined {
    if (end - start > this.missing) return 'more fragment bytes than the message was announced with';
    if (end === start) return 'a fragment without bytes';
    this.#makeRoom(this.#received + end - start);
    this.#bytes.set(bytes.subarray(start, end), this.#received);
    this.#received += end - start;
    return undefined;
  }

  /**
   * Memory follows what has arrived of the message, so that announcing a long one costs the peer more than it costs this
   * side: a little at first, and the whole, once, when there is more than that.
   */
  #makeRoom(needed: number): void {
    if (needed <= this.#bytes.length) return;
    const arrived = this.#bytes.subarray(0, this.#received);
    this.#bytes = unwrittenBytes(needed > FIRST_BYTES ? this.total : Math.min(this.total, FIRST_BYTES));
    this.#bytes.set(arrived);
  }
}
