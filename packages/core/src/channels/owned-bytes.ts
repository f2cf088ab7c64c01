import { methodOf } from '../platform/array-methods.js';
import { FEWEST_UNCLEARED_BYTES, unwrittenBytes } from '../platform/long-memory.js';
import { heapWeight } from '../platform/heap-weight.js';

/** V8 keeps the bytes of a shorter array inside its heap. */
const MOST_BYTES_ON_HEAP = 64;

const slice = methodOf<(bytes: Uint8Array, start: number, end: number) => Uint8Array>('slice');

/** Returns the bytes as an array that a callback may keep: the same memory if `isOwned`, otherwise a copy. */
export function ownedBytes(bytes: Uint8Array, start: number, end: number, isOwned: boolean): Uint8Array {
  // Only plain arrays: the other methods of a transport's Buffer must not reach code that runs on every transport.
  if (isOwned) {
    if (start === 0 && end === bytes.length && bytes.constructor === Uint8Array) return bytes;
    return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
  }
  if (bytes.constructor === Uint8Array) return copyOf(bytes, start, end);
  if (end - start >= FEWEST_UNCLEARED_BYTES) return longCopyOf(bytes, start, end);
  if (end - start > MOST_BYTES_ON_HEAP) heapWeight.need(end - start);
  return new Uint8Array(bytes.subarray(start, end));
}

/** Returns a copy of bytes of a plain array. Hot path, short for small messages, where each step counts. */
export function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return end - start > MOST_BYTES_ON_HEAP ? copyOffHeap(bytes, start, end) : slice(bytes, start, end);
}

function copyOffHeap(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (end - start >= FEWEST_UNCLEARED_BYTES) return longCopyOf(bytes, start, end);
  heapWeight.need(end - start);
  return slice(bytes, start, end);
}

/** Returns a copy in memory that nobody cleared first. */
function longCopyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const copy = unwrittenBytes(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}
