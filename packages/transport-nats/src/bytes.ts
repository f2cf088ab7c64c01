// Captured at import, so that a fake of the globals changes nothing later.
const fillRandomly = globalThis.crypto.getRandomValues.bind(globalThis.crypto) as (bytes: Uint8Array) => Uint8Array;
const nodeBuffer = (globalThis as { readonly Buffer?: BufferConstructor }).Buffer;

/** Memory that the caller fills before it is read. In Node.js, short pieces come from a pool. */
export const freshBytes: (length: number) => Uint8Array =
  nodeBuffer === undefined ? (length) => new Uint8Array(length) : (length) => nodeBuffer.allocUnsafe(length);

/** Returns the parts in one array, in order. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Returns bytes that no one can guess. */
export function randomBytes(length: number): Uint8Array {
  return fillRandomly(new Uint8Array(length));
}

/** Returns two hexadecimal digits for each byte. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
