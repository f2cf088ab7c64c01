/**
 * Copies all bytes of `source` into `target`, from the index `at` on: the method `set` without its lookup. V8 looks up a
 * method that an array inherits at each call, and that is not free beside the copy of a small message.
 */
export const copyInto = Function.prototype.call.bind(Reflect.get(Uint8Array.prototype, 'set') as () => void) as (
  target: Uint8Array,
  source: Uint8Array,
  at: number,
) => void;
