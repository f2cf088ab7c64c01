import { FEWEST_UNCLEARED_BYTES, unwrittenBytes } from '../platform/long-memory.js';
import { heapWeight } from '../platform/heap-weight.js';

/** V8 keeps the bytes of a shorter array inside its heap. */
const MOST_BYTES_ON_HEAP = 64;

/** Returns the bytes as an array that a callback may keep: the same memory if `isOwned`, otherwise a copy. */
export function ownedBytes(bytes: Uint8Array, start: number, end: number, isOwned: boolean): Uint8Array {
  // Only plain arrays: the other methods of a transport's Buffer must not reach code that runs on every transport.
  if (isOwned) {
    if (start === 0 && end === bytes.length && bytes.constructor === Uint8Array) return bytes;
    return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
  }
  if (end - start >= FEWEST_UNCLEARED_BYTES) {
    const copy = unwrittenBytes(end - start);
    copy.set(bytes.subarray(start, end));
    return copy;
  }
  if (end - start > MOST_BYTES_ON_HEAP) heapWeight.need(end - start);
  return bytes.constructor === Uint8Array ? bytes.slice(start, end) : new Uint8Array(bytes.subarray(start, end));
}
