/**
 * Whether this processor never moves a load before an earlier sequentially consistent store, so that a plain load is
 * enough. On x86 that store is a locked exchange. `docs/adr/0001-ring-in-typescript.md` contains the argument.
 */
const IS_ORDERED = process.arch === 'x64' || process.arch === 'ia32';

/**
 * Reads a word after an `Atomics.store` to another word. The other side sees both in one total order. On processors
 * that keep the order, it avoids the call of `Atomics.load`.
 */
export const loadAfterStore: (words: Int32Array, index: number) => number = IS_ORDERED ? loadPlainly : Atomics.load;

// V8 always inlines a function as short as this.
function loadPlainly(words: Int32Array, index: number): number {
  return words[index] as number;
}
