/** Compact once this many consumed entries lead the array; fewer are not worth the copy. */
const COMPACT_AT = 1024;

/** A queue whose `shift` stays cheap for very long queues, where an array's would move every element. */
export class Fifo<T> {
  #entries: T[] = [];
  #first = 0;

  get length(): number {
    return this.#entries.length - this.#first;
  }

  /** The oldest entry, left in place. */
  get head(): T | undefined {
    return this.#entries[this.#first];
  }

  push(entry: T): void {
    this.#entries.push(entry);
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const entry = this.#entries[this.#first];
    this.#first += 1;
    if (this.length === 0) this.clear();
    else if (this.#first >= COMPACT_AT && this.#first * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    return entry;
  }

  clear(): void {
    this.#entries = [];
    this.#first = 0;
  }
}
