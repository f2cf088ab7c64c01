/** What travels: a task's id, then a number; two little-endian words. */
export interface Numbered {
  /** Which task; the answer has the same. */
  readonly id: number;
  /** Of a task, how far to count; of an answer, how many primes there are. */
  readonly value: number;
}

const BYTES = 8;

/** A task or an answer as bytes. */
export function encode({ id, value }: Numbered): Uint8Array {
  const view = new DataView(new ArrayBuffer(BYTES));
  view.setUint32(0, id, true);
  view.setUint32(4, value, true);
  return new Uint8Array(view.buffer);
}

/** A task or an answer from bytes; throws for what is none. */
export function decode(bytes: Uint8Array): Numbered {
  if (bytes.length !== BYTES) throw new RangeError(`a message of ${bytes.length} bytes is neither task nor answer`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, BYTES);
  return { id: view.getUint32(0, true), value: view.getUint32(4, true) };
}

/** How many primes there are below `limit`: the work. */
export function countPrimes(limit: number): number {
  const isComposite = new Uint8Array(limit);
  let count = 0;
  for (let candidate = 2; candidate < limit; candidate += 1) {
    if (isComposite[candidate] === 1) continue;
    count += 1;
    for (let multiple = candidate * candidate; multiple < limit; multiple += candidate) isComposite[multiple] = 1;
  }
  return count;
}
