/**
 * A property update of the scene: 64 bytes, little-endian.
 * ```
 *  0 sequence (u32)   4 node (u32)   8 property (u32)   12 check (u32)   16 value (f64)   24 zero
 * ```
 */
export const UPDATE_BYTES = 64;

const NODES = 1000;
const PROPERTIES = 16;

/** Fills `update` with the update of that sequence number. */
export function writeUpdate(update: DataView, sequence: number): void {
  update.setUint32(0, sequence, true);
  update.setUint32(4, sequence % NODES, true);
  update.setUint32(8, sequence % PROPERTIES, true);
  update.setUint32(12, Math.imul(sequence, 0x9e3779b1) >>> 0, true);
  update.setFloat64(16, Math.sin(sequence), true);
}

/** Checks the updates of one stream: each must be the next one, and undamaged. */
export class UpdateChecker {
  received = 0;
  /** Updates that were missing, doubled, out of order or damaged. */
  wrong = 0;
  #expected = 0;

  check(bytes: Uint8Array): void {
    const update = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.received += 1;
    const sequence = bytes.length === UPDATE_BYTES ? update.getUint32(0, true) : -1;
    const isIntact = sequence >= 0 && update.getUint32(12, true) === Math.imul(sequence, 0x9e3779b1) >>> 0;
    if (!isIntact || sequence !== this.#expected) this.wrong += 1;
    this.#expected = sequence + 1;
  }
}
