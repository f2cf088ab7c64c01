/**
 * A property update of the scene: 64 bytes, little-endian.
 * ```
 *  0 sequence (u32)   4 node (u32)   8 property (u32)   12 checksum (u32)   16 value (f64)   24 zero
 * ```
 */
export const UPDATE_BYTES = 64;

/** An empty message ends the scene: it arrives as such, behind every update. */
export const END_OF_SCENE = new Uint8Array(0);

const NODES = 1000;
const PROPERTIES = 16;

/** Fills `update` with the update of that sequence number. */
export function writeUpdate(update: DataView, sequence: number): void {
  update.setUint32(0, sequence, true);
  update.setUint32(4, sequence % NODES, true);
  update.setUint32(8, sequence % PROPERTIES, true);
  update.setFloat64(16, Math.sin(sequence), true);
  update.setUint32(12, checksumOf(update), true);
}

/** What became of the updates that did not arrive once, in order and whole. */
export interface SceneFaults {
  readonly missing: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly damaged: number;
}

/** Takes the updates of one scene: each must be the next one, and whole. */
export class SceneReader {
  received = 0;

  #expected = 0;
  #duplicated = 0;
  #reordered = 0;
  #damaged = 0;
  /** Sequence numbers that were skipped and may still come. */
  readonly #skipped = new Set<number>();

  read(bytes: Uint8Array): void {
    const update = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.received += 1;
    if (bytes.length !== UPDATE_BYTES || update.getUint32(12, true) !== checksumOf(update)) {
      // Its number can't be trusted, so it stands for the one that was due.
      this.#damaged += 1;
      this.#expected += 1;
      return;
    }
    const sequence = update.getUint32(0, true);
    if (sequence === this.#expected) this.#expected += 1;
    else this.#readOutOfTurn(sequence);
  }

  /** @param sent how many updates the sender says it sent */
  faults(sent: number): SceneFaults {
    return {
      missing: this.#skipped.size + Math.max(0, sent - this.#expected),
      duplicated: this.#duplicated,
      reordered: this.#reordered,
      damaged: this.#damaged,
    };
  }

  #readOutOfTurn(sequence: number): void {
    if (this.#skipped.delete(sequence)) this.#reordered += 1;
    else if (sequence < this.#expected) this.#duplicated += 1;
    for (; this.#expected < sequence; this.#expected += 1) this.#skipped.add(this.#expected);
    if (this.#expected === sequence) this.#expected += 1;
  }
}

/** Over every field but itself (FNV-1a by words). */
function checksumOf(update: DataView): number {
  let checksum = 0x811c9dc5;
  checksum = Math.imul(checksum ^ update.getUint32(0, true), 0x01000193);
  checksum = Math.imul(checksum ^ update.getUint32(4, true), 0x01000193);
  checksum = Math.imul(checksum ^ update.getUint32(8, true), 0x01000193);
  checksum = Math.imul(checksum ^ update.getUint32(16, true), 0x01000193);
  checksum = Math.imul(checksum ^ update.getUint32(20, true), 0x01000193);
  return checksum >>> 0;
}
