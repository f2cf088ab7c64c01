/** Runs `work` while the runtime finds no memory for a buffer; `isShort` chooses by length, by default each one. */
export function withoutMemory(work: () => void, isShort?: (length: number) => boolean): void {
  const giveBack = takeMemory(isShort);
  try {
    work();
  } finally {
    giveBack();
  }
}

/** Takes the memory away, as `withoutMemory` does, until the returned function is called. */
export function takeMemory(isShort: (length: number) => boolean = () => true): () => void {
  const { allocUnsafe, allocUnsafeSlow } = Buffer;
  const { Uint8Array: own } = globalThis;
  const check = (length: unknown): void => {
    if (typeof length === 'number' && isShort(length)) throw new RangeError('Array buffer allocation failed');
  };
  Buffer.allocUnsafe = (length) => {
    check(length);
    return allocUnsafe(length);
  };
  Buffer.allocUnsafeSlow = (length) => {
    check(length);
    return allocUnsafeSlow(length);
  };
  globalThis.Uint8Array = new Proxy(own, {
    construct: (target, given: unknown[]) => {
      check(given[0]);
      return Reflect.construct(target, given) as object;
    },
  });
  return () => {
    Buffer.allocUnsafe = allocUnsafe;
    Buffer.allocUnsafeSlow = allocUnsafeSlow;
    globalThis.Uint8Array = own;
  };
}
