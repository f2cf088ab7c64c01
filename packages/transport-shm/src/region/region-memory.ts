import { isSystemError, type NativeBinding, type RegionCopy } from '../native-binding.js';

// The platform's own function. A test framework may replace the global one later.
const platformClone = structuredClone;

/** The access of JavaScript to a region. */
export interface RegionMemory {
  /** The region itself, or this side's copy of it. `unmap()` detaches it. */
  readonly buffer: ArrayBuffer;
  /**
   * Only for a copy: publishes the changes of this side and fetches those of the peer. Returns true if the caller must
   * wake the peer through the socket. Undefined if the buffer is the region.
   */
  readonly exchange: (() => boolean) | undefined;
  /** Only for a copy: fetches these bytes of the control block. */
  readControlBlock?(byteOffset: number, byteLength: number): void;
  /** Only for a copy: writes these bytes of the control block to the region. */
  writeControlBlock?(byteOffset: number, byteLength: number): void;
  /** Blocks this thread until the word differs from `expected`, a wake comes, or time is up. */
  waitOnWord(byteOffset: number, expected: number, timeoutMs: number): void;
  /**
   * Wakes the threads that wait on a word. For a copy, `exchange` does that. A refusal of the system is no failure: the
   * waiter looks again after its timeout.
   */
  wakeWord(byteOffset: number): void;
  /**
   * Detaches the buffer and returns the shared memory to the system. Asynchronous work that still uses the old
   * addresses reads and writes memory that is private to this process. Idempotent.
   */
  unmap(): void;
}

/** The region itself as an external `ArrayBuffer`. A ring and its peer need no native call between them. */
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
    try {
      this.binding.wakeWord(this.buffer, byteOffset);
    } catch (error) {
      // On Windows the peer makes the event of the word, and may forbid its use. It only loses its own wakes.
      if (!isSystemError(error)) throw error;
    }
  }

  unmap(): void {
    this.binding.unmapRegion(this.buffer);
  }
}

/**
 * A copy of the region in the runtime's own memory, for runtimes that accept no `ArrayBuffer` over other memory. The
 * same ring code runs on it. One native call for each batch copies the changes.
 */
export class CopiedMemory implements RegionMemory {
  readonly buffer: ArrayBuffer;
  readonly exchange: () => boolean;
  readonly #region: RegionCopy;
  #isUnmapped = false;

  /**
   * @param region the region; this object unmaps it
   * @param buffer the copy; it has the region's size
   */
  constructor(region: RegionCopy, buffer: ArrayBuffer) {
    this.#region = region;
    this.buffer = buffer;
    this.exchange = () => !this.#isUnmapped && region.exchange(buffer);
  }

  readControlBlock(byteOffset: number, byteLength: number): void {
    this.#region.readControlBlock(this.buffer, byteOffset, byteLength);
  }

  writeControlBlock(byteOffset: number, byteLength: number): void {
    this.#region.writeControlBlock(this.buffer, byteOffset, byteLength);
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
    // Other code has transferred the buffer and owns the memory now.
    if (this.buffer.byteLength === 0) return;
    // As with a mapped region, detaching empties every view of the buffer.
    HELD.set(this.buffer, platformClone(this.buffer, { transfer: [this.buffer] }));
  }
}

/**
 * The memory of each buffer that `unmap` detached, as long as an object of the buffer exists. Asynchronous work of
 * Node.js that is under way (`fs.read`, `crypto.randomFill`) holds the object of its view and a raw address.
 */
const HELD = new WeakMap<ArrayBuffer, ArrayBuffer>();
