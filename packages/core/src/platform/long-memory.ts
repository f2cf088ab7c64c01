import { heapWeight } from './heap-weight.js';

/** The smallest size for which memory that is not cleared first is worth a Buffer. */
export const FEWEST_UNCLEARED_BYTES = 16_384;

/** glibc raises its limit for no freed block that is longer than 32 MiB, including its own few bytes. */
const LESSON_BYTES = 32 * 1024 * 1024 - 65_536;

// Node.js has `Buffer`, a browser does not.
const nodeBuffer = (globalThis as { readonly Buffer?: typeof Buffer }).Buffer;
const platform = (globalThis as { readonly process?: { readonly platform?: string } }).process?.platform;
// Captured when the module is loaded, because a test framework may replace them.
const { ArrayBuffer, MessageChannel } = globalThis;

let isTaught = platform !== 'linux';

/**
 * Returns a plain array with its own memory and undefined contents. The caller must write every byte before it shares
 * the array.
 */
export function unwrittenBytes(length: number): Uint8Array {
  if (nodeBuffer === undefined || length < FEWEST_UNCLEARED_BYTES) return new Uint8Array(length);
  if (!isTaught) teachToKeepMemory();
  heapWeight.need(length);
  return new Uint8Array(nodeBuffer.allocUnsafeSlow(length).buffer);
}

/**
 * Makes the C library keep the memory of long messages for later ones. glibc returns the end of its heap to the kernel
 * as soon as 128 KiB of it are free. The kernel clears each page before it gives it out again, which costs several
 * times the copy of the message. When a block that was mapped separately is freed, glibc raises that limit to twice the
 * block's length (mallopt(3), M_MMAP_THRESHOLD). So one block that is allocated and freed untouched makes glibc keep at
 * most 64 MiB, for the cost of two system calls. A limit that the user has set (`MALLOC_TRIM_THRESHOLD_`) stays. Other
 * C libraries are not affected.
 */
function teachToKeepMemory(): void {
  isTaught = true;
  try {
    const block = new ArrayBuffer(LESSON_BYTES);
    // No port receives it, so it is freed when the port closes, and not at the next collection.
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(undefined, [block]);
    port1.close();
    port2.close();
  } catch {
    // There is no room for it. Then memory is short, and none should be kept.
  }
}
