/** Compact the array after this many consumed entries. For fewer entries the copy costs more than it saves. */
const COMPACT_AT = 1024;

/** A queue with a fast `shift` at any length. `Array.prototype.shift` moves every element. */
export class Fifo<T> {
  #entries: T[] = [];
  #first = 0;

  get length(): number {
    return this.#entries.length - this.#first;
  }

  /** The oldest entry. It stays in the queue. */
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
    if (this.#entries.length === 0) return;
    this.#entries = [];
    this.#first = 0;
  }
}
