/** From how many bytes memory that need not be cleared first is worth a Buffer. */
export const FEWEST_UNCLEARED_BYTES = 16_384;

/** glibc learns from no freed block that is longer than 32 MiB, its own few bytes included. */
const LESSON_BYTES = 32 * 1024 * 1024 - 65_536;

// Node.js has them, a browser does not.
const nodeBuffer = (globalThis as { readonly Buffer?: typeof Buffer }).Buffer;
const platform = (globalThis as { readonly process?: { readonly platform?: string } }).process?.platform;
// Taken when the module is loaded: a test framework may put others in their place.
const { ArrayBuffer, MessageChannel } = globalThis;

let isTaught = platform !== 'linux';

/** A plain array of its own memory whose content is undefined: every byte must be written before anyone sees it. */
export function unwrittenBytes(length: number): Uint8Array {
  if (nodeBuffer === undefined || length < FEWEST_UNCLEARED_BYTES) return new Uint8Array(length);
  if (!isTaught) teachToKeepMemory();
  return new Uint8Array(nodeBuffer.allocUnsafeSlow(length).buffer);
}

/**
 * Lets the C library keep the memory of long messages for the next ones. glibc gives the kernel every 128 KiB back that
 * are free at the end of its heap, and the kernel clears each page anew that it hands out again, which costs several times
 * the copy of the message. glibc raises that bound to twice the length of the longest block that was mapped by itself and
 * freed (mallopt(3), M_MMAP_THRESHOLD): one that is made and freed untouched makes it keep 64 MiB at most, and costs two
 * system calls. A bound that the user has set (`MALLOC_TRIM_THRESHOLD_`) stays. Other C libraries learn nothing from it.
 */
function teachToKeepMemory(): void {
  isTaught = true;
  try {
    const block = new ArrayBuffer(LESSON_BYTES);
    // Nobody receives it, so it is freed when the port closes, and not at the next collection.
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(undefined, [block]);
    port1.close();
    port2.close();
  } catch {
    // No room for it: then memory is short, and there is none to be kept.
  }
}
