import { err, ok, type Result } from '@entropynet/core';
import type { SharedMemoryConfig } from '../shared-memory-options.js';
import { isSystemError, messageOf, type NativeBinding } from '../native-binding.js';
import { describeSystemError, isShortage } from '../system-failures.js';
import {
  checkControlBlock,
  type ControlBlockIdentity,
  libraryOffsetOf,
  readLibrary,
  writeControlBlock,
  writeLibrary,
} from './control-block.js';
import {
  CONTROL_BLOCK_BYTES,
  IDENTITY_BYTES,
  LIBRARY_BYTES,
  type RegionSide,
  ringCapacityOf,
  sideLayout,
} from './layout.js';
import { CopiedMemory, MappedMemory, type RegionMemory } from './region-memory.js';

/** The smallest page size. If pages are larger, the loop touches some of them more than once. */
const PAGE_BYTES = 4096;

/** How this process accesses a region: `direct`ly or through a copy. */
export type RegionAccess = 'direct' | 'copied';

/** Returns the access that the configuration and the runtime allow together. */
export function regionAccess(binding: NativeBinding, config: SharedMemoryConfig): Result<RegionAccess> {
  if (config.access === 'copied') return ok('copied');
  if (binding.supportsExternalBuffers()) return ok('direct');
  if (config.access === 'auto') return ok('copied');
  return err(
    'SharedMemoryNotAvailable',
    'this runtime forbids memory that it did not allocate (as Electron does): sharedMemory.access must be "auto" or "copied"',
  );
}

/** A region that this process shares with one peer. Its geometry comes from its real size, never from its contents. */
export class SharedMemoryRegion {
  readonly byteLength: number;
  readonly ringCapacity: number;
  /** The 16 bytes of the handshake that identify it. The peer can change those in the control block at any moment. */
  readonly identity: Uint8Array;
  /** Views of the whole region. `unmap()` empties both, so that the use of an old view can't crash. */
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** See `RegionMemory.exchange`. */
  readonly exchange: (() => boolean) | undefined;
  readonly #memory: RegionMemory;

  private constructor(memory: RegionMemory, identity: Uint8Array) {
    const { buffer } = memory;
    this.#memory = memory;
    this.identity = new Uint8Array(identity);
    this.exchange = memory.exchange;
    this.byteLength = buffer.byteLength;
    this.ringCapacity = ringCapacityOf(buffer.byteLength);
    this.words = new Int32Array(buffer, 0, buffer.byteLength >> 2);
    this.bytes = new Uint8Array(buffer);
  }

  /** Checks whether this process can make a region: it makes one and releases it. */
  static probe(binding: NativeBinding, access: RegionAccess): Result {
    const block = { identity: new Uint8Array(IDENTITY_BYTES), serverProcessId: 0, clientProcessId: 0 };
    const made = SharedMemoryRegion.create(binding, access, PAGE_BYTES, block);
    if (!made.ok) return made;
    made.value.region.unmap();
    binding.closeDescriptor(made.value.descriptor);
    return ok();
  }

  /**
   * Makes a region and writes its control block. The caller must close the descriptor.
   * @param prefault allocates every page now: a lack of memory is `ResourceLimitExceeded`
   */
  static create(
    binding: NativeBinding,
    access: RegionAccess,
    byteLength: number,
    block: ControlBlockIdentity,
    prefault = false,
  ): Result<{ region: SharedMemoryRegion; descriptor: number }> {
    try {
      if (access === 'direct') {
        const { buffer, descriptor } = binding.createRegion(byteLength, prefault);
        writeControlBlock(buffer, block);
        return ok({ region: new SharedMemoryRegion(new MappedMemory(binding, buffer), block.identity), descriptor });
      }
      // The copy comes first: if there is no memory for it, there is no region yet to release.
      const buffer = new ArrayBuffer(byteLength);
      const { region, descriptor } = binding.RegionCopy.create(byteLength, prefault);
      const memory = new CopiedMemory(region, buffer);
      writeControlBlock(buffer, block);
      memory.writeControlBlock(0, CONTROL_BLOCK_BYTES);
      return ok({ region: new SharedMemoryRegion(memory, block.identity), descriptor });
    } catch (error) {
      const code = isShortage(error) ? 'ResourceLimitExceeded' : 'SharedMemoryNotAvailable';
      return err(code, `a region of ${byteLength} bytes could not be created: ${describeSystemError(error)}`, error);
    }
  }

  /** Maps a region that the peer made, after it has checked the region against the handshake. */
  static attach(
    binding: NativeBinding,
    access: RegionAccess,
    descriptor: number,
    byteLength: number,
    identity: Uint8Array,
    prefault = false,
  ): Result<SharedMemoryRegion> {
    let memory: RegionMemory;
    try {
      memory = attachMemory(binding, access, descriptor, byteLength, prefault);
    } catch (error) {
      const code = isSystemError(error) ? error.code : '';
      if (code === 'ESIZEMISMATCH') return err('SharedMemorySizeMismatch', messageOf(error), error);
      if (code === 'EUNSEALED') return err('SharedMemoryPermission', messageOf(error), error);
      return err(
        isShortage(error) ? 'ResourceLimitExceeded' : 'SharedMemoryNotAvailable',
        `the server's region of ${byteLength} bytes could not be mapped: ${describeSystemError(error)}`,
        error,
      );
    }
    const checked = checkControlBlock(memory.buffer, identity);
    if (!checked.ok) {
      memory.unmap();
      return checked;
    }
    const region = new SharedMemoryRegion(memory, identity);
    const offset = libraryOffsetOf('client');
    writeLibrary(region.bytes, offset);
    memory.writeControlBlock?.(offset, LIBRARY_BYTES);
    return ok(region);
  }

  /** Returns the text by which a side introduces itself: its language and the version of its library. */
  libraryOf(side: RegionSide): string | undefined {
    const offset = libraryOffsetOf(side);
    this.#memory.readControlBlock?.(offset, LIBRARY_BYTES);
    return readLibrary(this.bytes, offset);
  }

  /** Whether the views are empty: after `unmap()`, or because other code transferred the buffer of a view. */
  get isDetached(): boolean {
    return this.bytes.length === 0;
  }

  /** Sets the mark by which the peer distinguishes a goodbye from a death. */
  markClosed(side: RegionSide): void {
    Atomics.store(this.words, sideLayout(side, this.ringCapacity).closed, 1);
    this.exchange?.();
  }

  /**
   * Touches every page of a region that was made or attached with `prefault`, so that no message waits for the first
   * access. A copy needs none of it, because the native side accesses the region.
   */
  prefault(): void {
    if (this.exchange !== undefined) return;
    const wordsPerPage = PAGE_BYTES >> 2;
    // One load a page makes the page exist. It does not disturb a peer that writes already.
    for (let index = 0; index < this.words.length; index += wordsPerPage) Atomics.load(this.words, index);
  }

  /** Blocks this thread until the word differs from `expected`, a wake comes, or time is up. */
  waitOnWord(index: number, expected: number, timeoutMs: number): void {
    this.#memory.waitOnWord(index << 2, expected, timeoutMs);
  }

  /** Wakes the threads that wait on a word. */
  wakeWord(index: number): void {
    this.#memory.wakeWord(index << 2);
  }

  /** Detaches every view and returns the shared memory to the system. Idempotent. */
  unmap(): void {
    this.#memory.unmap();
  }
}

function attachMemory(
  binding: NativeBinding,
  access: RegionAccess,
  descriptor: number,
  byteLength: number,
  prefault: boolean,
): RegionMemory {
  if (access === 'direct') return new MappedMemory(binding, binding.attachRegion(descriptor, byteLength, prefault));
  // The copy comes first, as in `create`.
  const buffer = new ArrayBuffer(byteLength);
  const memory = new CopiedMemory(binding.RegionCopy.attach(descriptor, byteLength, prefault), buffer);
  memory.readControlBlock(0, CONTROL_BLOCK_BYTES);
  return memory;
}
