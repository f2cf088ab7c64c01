/**
 * Whether this processor lets no load overtake the sequentially consistent store before it, so that a plain load keeps
 * their order: on x86 that store is a locked exchange. `docs/adr/0001-ring-in-typescript.md` has the argument.
 */
const IS_ORDERED = process.arch === 'x64' || process.arch === 'ia32';

/**
 * Reads a word after an `Atomics.store` to another, in one total order with both on the other side. Where the processor
 * keeps that order, without the call that `Atomics.load` is.
 */
export function loadAfterStore(words: Int32Array, index: number): number {
  return IS_ORDERED ? (words[index] as number) : Atomics.load(words, index);
}
