/** From how many bytes memory that need not be cleared first is worth a Buffer. */
const FEWEST_UNCLEARED_BYTES = 16_384;

// Node.js has it, a browser does not.
const nodeBuffer = (globalThis as { readonly Buffer?: typeof Buffer }).Buffer;

/** A plain array of its own memory whose content is undefined: every byte must be written before anyone sees it. */
export function unwrittenBytes(length: number): Uint8Array {
  return nodeBuffer === undefined || length < FEWEST_UNCLEARED_BYTES
    ? new Uint8Array(length)
    : new Uint8Array(nodeBuffer.allocUnsafeSlow(length).buffer);
}

/** These bytes as an array that a callback may keep: the same memory where `isOwned`, otherwise a copy. */
export function ownedBytes(bytes: Uint8Array, start: number, end: number, isOwned: boolean): Uint8Array {
  // Plain arrays only: a transport's Buffer must not leak its other methods into code that runs on every transport.
  if (isOwned) {
    if (start === 0 && end === bytes.length && bytes.constructor === Uint8Array) return bytes;
    return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
  }
  if (end - start >= FEWEST_UNCLEARED_BYTES) {
    const copy = unwrittenBytes(end - start);
    copy.set(bytes.subarray(start, end));
    return copy;
  }
  return bytes.constructor === Uint8Array ? bytes.slice(start, end) : new Uint8Array(bytes.subarray(start, end));
}
