import type { NativeBinding, RegionCopy } from '../native-binding.js';

// As the platform has it, whatever a test framework puts in its place later.
const platformClone = structuredClone;

/** How JavaScript reaches a region. */
export interface RegionMemory {
  /** The region itself, or this side's copy of it. Detached by `unmap()`. */
  readonly buffer: ArrayBuffer;
  /**
   * Only for a copy: publishes what this side wrote into it and fetches what the peer published; true where the peer's
   * doorbell must be rung. Undefined where the buffer is the region.
   */
  readonly exchange: (() => boolean) | undefined;
  /** Blocks this thread until the word changes from `expected`, somebody wakes it, or time is up. */
  waitOnWord(byteOffset: number, expected: number, timeoutMs: number): void;
  /** Wakes the threads that wait on a word. A copy does that in `exchange`. */
  wakeWord(byteOffset: number): void;
  /**
   * Detaches the buffer and gives the shared memory back. What asynchronous work still reads or writes under the old
   * addresses is private to this process. Idempotent.
   */
  unmap(): void;
}

/** The region itself as an external `ArrayBuffer`: no native call lies between a ring and its peer. */
export class MappedMemory implements RegionMemory {
  readonly exchange = undefined;

  constructor(
    private readonly binding: NativeBinding,
    readonly buffer: ArrayBuffer,
  ) {}

  waitOnWord(byteOffset: number, expected: number, timeoutMs: number): void {
    this.binding.waitOnWord(this.buffer, byteOffset, expected, timeoutMs);
  }

  wakeWord(byteOffset: number): void {
    this.binding.wakeWord(this.buffer, byteOffset);
  }

  unmap(): void {
    this.binding.unmapRegion(this.buffer);
  }
}

/**
 * A copy of the region in memory of the runtime's own, for runtimes that let no `ArrayBuffer` stand on other memory. The
 * same rings run on it; one native call for each batch carries over what changed.
 */
export class CopiedMemory implements RegionMemory {
  readonly buffer: ArrayBuffer;
  readonly exchange: () => boolean;
  readonly #region: RegionCopy;
  #isUnmapped = false;

  /**
   * @param region is this object's to unmap
   * @param buffer of the region's size
   */
  constructor(region: RegionCopy, buffer: ArrayBuffer) {
    this.#region = region;
    this.buffer = buffer;
    this.exchange = () => !this.#isUnmapped && region.exchange(buffer);
  }

  /** Fetches the control block, which the server wrote before anyone else saw the region. */
  readControlBlock(): void {
    this.#region.readControlBlock(this.buffer);
  }

  /** Writes the control block of a new region. */
  writeControlBlock(): void {
    this.#region.writeControlBlock(this.buffer);
  }

  waitOnWord(byteOffset: number, expected: number, timeoutMs: number): void {
    this.#region.waitOnWord(byteOffset, expected, timeoutMs);
  }

  wakeWord(): void {
    // Nothing to do: `exchange` has woken the peer.
  }

  unmap(): void {
    if (this.#isUnmapped) return;
    this.#isUnmapped = true;
    this.#region.unmap();
    // Somebody else has transferred it: it is theirs.
    if (this.buffer.byteLength === 0) return;
    // As with a mapped region, a view that somebody kept turns empty.
    HELD.set(this.buffer, platformClone(this.buffer, { transfer: [this.buffer] }));
  }
}

/**
 * The memory of each buffer that was detached here, for as long as there is an object of it: asynchronous work of Node.js
 * that is under way (`fs.read`, `crypto.randomFill`) holds the object of its view and a bare address.
 */
const HELD = new WeakMap<ArrayBuffer, ArrayBuffer>();
