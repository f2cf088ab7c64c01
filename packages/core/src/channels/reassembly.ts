import { decodeUint32 } from '../wire/frame.js';
import { unwrittenBytes } from '../platform/long-memory.js';
import type { SpareMemory } from './spare-memory.js';

/**
 * The first buffer of an announced message, in bytes. It grows with the bytes that arrive. It is shorter than the
 * fragments of a peer with the default window, so their messages get the whole buffer with the first fragment.
 */
const FIRST_BYTES = 32 * 1024;

const NO_BYTES = new Uint8Array(0);

/** A message whose fragments are arriving. */
export class Reassembly {
  /** The length of the whole message, in bytes. */
  readonly total: number;
  #bytes: Uint8Array = NO_BYTES;
  #received = 0;
  readonly #spare: SpareMemory | undefined;

  /** @param spare memory to use again; undefined: the message gets memory of its own */
  constructor(total: number, spare: SpareMemory | undefined) {
    this.total = total;
    this.#spare = spare;
  }

  /**
   * Begins the message that a start frame announces: four bytes that hold its length, from 1 to `maxBytes`.
   * @returns the protocol error if the frame holds another value
   */
  static announced(
    bytes: Uint8Array,
    start: number,
    end: number,
    maxBytes: number,
    spare: SpareMemory | undefined,
  ): Reassembly | string {
    const total = end - start === 4 ? decodeUint32(bytes, start) : 0;
    if (total > 0 && total <= maxBytes) return new Reassembly(total, spare);
    return `a message of ${total} bytes where 1 to ${maxBytes} are allowed`;
  }

  /** The number of bytes that have not arrived yet. */
  get missing(): number {
    return this.total - this.#received;
  }

  /** The message, after all bytes have arrived. The caller owns it from then on. Its buffer may be longer. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Returns the same in a buffer of its own length, with nothing else in it. */
  owned(): Uint8Array {
    return this.#bytes.buffer.byteLength === this.total ? this.#bytes : this.#bytes.slice();
  }

  /** Whether the program has transferred the memory, which it had borrowed before. */
  get isLost(): boolean {
    return this.#bytes.length < this.#received;
  }

  /**
   * Copies the next fragment.
   * @returns the protocol error if the fragment is empty or has more bytes than are missing
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
   * Allocates memory by the bytes that have arrived, so that the announcement of a long message costs the peer more
   * than this side: a small buffer first, and the whole once more has arrived than fits.
   */
  #makeRoom(needed: number): void {
    if (needed <= this.#bytes.length) return;
    const arrived = this.#bytes.subarray(0, this.#received);
    const length = needed > FIRST_BYTES ? this.total : Math.min(this.total, FIRST_BYTES);
    this.#bytes = this.#spare?.unwritten(length) ?? unwrittenBytes(length);
    this.#bytes.set(arrived);
  }
}
