import { err, ok, type Result } from '@entropynet/core';
import { isSystemError, messageOf, type NativeBinding } from '../native-binding.js';
import { checkControlBlock, type ControlBlockIdentity, writeControlBlock } from './control-block.js';
import { ringCapacityOf } from './layout.js';

/** A region that is mapped into this process. Geometry comes from its real size, never from what it says. */
export class SharedMemoryRegion {
  readonly byteLength: number;
  readonly ringCapacity: number;
  /** Views of the whole region; both turn empty at `unmap()`, so that a view that somebody kept can't crash. */
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly #buffer: ArrayBuffer;
  readonly #binding: NativeBinding;

  private constructor(binding: NativeBinding, buffer: ArrayBuffer) {
    this.#binding = binding;
    this.#buffer = buffer;
    this.byteLength = buffer.byteLength;
    this.ringCapacity = ringCapacityOf(buffer.byteLength);
    this.words = new Int32Array(buffer, 0, buffer.byteLength >> 2);
    this.bytes = new Uint8Array(buffer);
  }

  /** Makes a region and fills in its control block. The descriptor is the caller's to close. */
  static create(
    binding: NativeBinding,
    byteLength: number,
    block: ControlBlockIdentity,
  ): Result<{ region: SharedMemoryRegion; descriptor: number }> {
    try {
      const { buffer, descriptor } = binding.createRegion(byteLength);
      writeControlBlock(buffer, block);
      return ok({ region: new SharedMemoryRegion(binding, buffer), descriptor });
    } catch (error) {
      return err(
        'ResourceLimitExceeded',
        `a region of ${byteLength} bytes could not be made: ${messageOf(error)}`,
        error,
      );
    }
  }

  /** Maps a region that the peer made, after checking that it is what the handshake announced. */
  static attach(
    binding: NativeBinding,
    descriptor: number,
    byteLength: number,
    identity: Uint8Array,
  ): Result<SharedMemoryRegion> {
    let buffer: ArrayBuffer;
    try {
      buffer = binding.attachRegion(descriptor, byteLength);
    } catch (error) {
      const code = isSystemError(error) ? error.code : '';
      if (code === 'ESIZEMISMATCH') return err('SharedMemorySizeMismatch', messageOf(error), error);
      if (code === 'EUNSEALED') return err('SharedMemoryPermission', messageOf(error), error);
      return err('SharedMemoryNotAvailable', `the server's region could not be mapped: ${messageOf(error)}`, error);
    }
    const checked = checkControlBlock(buffer, identity);
    if (checked.ok) return ok(new SharedMemoryRegion(binding, buffer));
    binding.unmapRegion(buffer);
    return checked;
  }

  /** Waits, blocking this thread, until the word changes from `expected`, somebody wakes it, or time is up. */
  waitOnWord(index: number, expected: number, timeoutMs: number): void {
    this.#binding.waitOnWord(this.#buffer, index << 2, expected, timeoutMs);
  }

  /** Wakes whoever waits on a word. */
  wakeWord(index: number): void {
    this.#binding.wakeWord(this.#buffer, index << 2);
  }

  /** Detaches every view, then unmaps. Idempotent. */
  unmap(): void {
    this.#binding.unmapRegion(this.#buffer);
  }
}
