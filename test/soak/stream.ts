import { createHash } from 'node:crypto';
import { fillMessage } from '@entropynet/conformance/tools';

/**
 * ```
 *  0 sequence   4 length of the content   8 flags: 1 the last one   12 hash of the content (16)   28 seed of the sender
 * 32 content
 * ```
 */
export const HEADER_BYTES = 32;
const HASH_BYTES = 16;
const IS_LAST = 1;

function hashOf(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest().subarray(0, HASH_BYTES);
}

/** Writes the message of a stream into `into`, which has its length and the header's. */
export function writeMessage(into: Uint8Array, seed: number, sequence: number, lastOf?: number): void {
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
  const content = into.subarray(HEADER_BYTES);
  fillMessage(content, seed ^ sequence);
  // The last message contains the number of messages of all the sender's streams.
  if (lastOf !== undefined) view.setUint32(HEADER_BYTES, lastOf, true);
  view.setUint32(0, sequence, true);
  view.setUint32(4, content.length, true);
  view.setUint32(8, lastOf === undefined ? 0 : IS_LAST, true);
  into.set(hashOf(content), 12);
  view.setUint32(28, seed, true);
}

/**
 * The received streams of one side of a connection. Each must arrive whole, in order, once, and with the right content.
 */
export class StreamChecks {
  received = 0;
  /** The number of messages of all the sender's streams, after the sender has told it. */
  announced: number | undefined;
  /** The seed of the sender, after its first message. */
  sender: number | undefined;
  readonly #next = new Map<string, number>();
  readonly #complain: (complaint: string) => void;

  constructor(complain: (complaint: string) => void) {
    this.#complain = complain;
  }

  take(channel: string, message: Uint8Array): void {
    const expected = this.#next.get(channel) ?? 0;
    this.#next.set(channel, expected + 1);
    this.received += 1;
    if (message.length < HEADER_BYTES) {
      this.#complain(`channel '${channel}': a message of ${message.length} bytes`);
      return;
    }
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    const sequence = view.getUint32(0, true);
    const content = message.subarray(HEADER_BYTES);
    if (sequence !== expected) this.#complain(`channel '${channel}': message ${sequence} where ${expected} is due`);
    if (view.getUint32(4, true) !== content.length) this.#complain(`channel '${channel}': message ${sequence} is torn`);
    this.sender = view.getUint32(28, true);
    const hash = message.subarray(12, 12 + HASH_BYTES);
    if (!hashOf(content).equals(hash)) this.#complain(`channel '${channel}': message ${sequence} has another content`);
    if ((view.getUint32(8, true) & IS_LAST) !== 0) this.announced = view.getUint32(HEADER_BYTES, true);
  }

  /** The sender said goodbye, so everything that it sent must have arrived. */
  expectAll(): void {
    if (this.announced === undefined) this.#complain(`a goodbye before the last message (${this.received} are here)`);
    else if (this.announced !== this.received) {
      this.#complain(`${this.announced} messages were sent and ${this.received} are here`);
    }
  }
}
