// The platform's own function. A test framework may replace the global later.
const allocUnsafe = Buffer.allocUnsafe.bind(Buffer);

/**
 * Returns zeroed bytes of the memory that Node.js shares among small buffers. The handshake uses them for bytes that
 * native code reads: an array of its own gets memory outside V8's heap then. While the regions of eight connections
 * are young, V8 collects garbage at each such allocation.
 */
export function pooledBytes(length: number): Uint8Array {
  return allocUnsafe(length).fill(0);
}
