/** Enough for the handshakes of about a thousand connections. The system usually gives a page when it is first written. */
const SLAB_BYTES = 256 * 1024;
const ALIGNMENT = 8;

let slab = new Uint8Array(0);
let used = 0;

/**
 * Returns zeroed bytes that share their memory with other small arrays. The handshake uses them for bytes that native
 * code reads: an array of its own gets memory outside V8's heap then. While the regions of eight connections are young,
 * V8 collects garbage at each such allocation, and the pool of Node.js makes one for every 8 KiB.
 */
export function pooledBytes(length: number): Uint8Array {
  if (used + length > slab.length) {
    slab = new Uint8Array(SLAB_BYTES);
    used = 0;
  }
  const bytes = slab.subarray(used, used + length);
  used += Math.ceil(length / ALIGNMENT) * ALIGNMENT;
  return bytes;
}
