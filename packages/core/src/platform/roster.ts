/** The place of a member in a roster. */
interface Cell<T> {
  member: T | undefined;
}

/**
 * The objects that are present at the moment, such as the connections of a server. It behaves like a `Set`, in the
 * order of joining, and lets a member that has left be collected at once.
 *
 * A `Set` replaces its table after a few changes. If the table is old, V8 makes the next one old too, and a collection of
 * the young generation counts all old objects as alive. So each replaced table keeps the members that it had, with all
 * that they refer to, until a collection of the whole heap. Here the tables hold cells, and the cell of a member that has
 * left is empty.
 */
export class Roster<T extends object> implements Iterable<T> {
  readonly #cells = new Set<Cell<T>>();
  readonly #cellOf = new WeakMap<T, Cell<T>>();

  /** The number of members. */
  get size(): number {
    return this.#cells.size;
  }

  /** Whether it is a member. */
  has(member: T): boolean {
    return this.#cellOf.has(member);
  }

  /** Has no effect if it is a member. */
  add(member: T): void {
    if (this.#cellOf.has(member)) return;
    const cell: Cell<T> = { member };
    this.#cellOf.set(member, cell);
    this.#cells.add(cell);
  }

  /** Returns whether it was a member. */
  delete(member: T): boolean {
    const cell = this.#cellOf.get(member);
    if (cell === undefined) return false;
    cell.member = undefined;
    this.#cellOf.delete(member);
    return this.#cells.delete(cell);
  }

  /** Visits the members, also one that joins meanwhile, and none that leaves before its turn. */
  [Symbol.iterator](): IterableIterator<T> {
    return membersIn(this.#cells);
  }
}

/** A roster whose members have keys. It behaves like a `Map`. */
export class KeyedRoster<K extends string | number, T extends object> implements Iterable<[key: K, member: T]> {
  readonly #cells = new Map<K, Cell<T>>();

  /** The number of members. */
  get size(): number {
    return this.#cells.size;
  }

  /** Whether a member has the key. */
  has(key: K): boolean {
    return this.#cells.has(key);
  }

  /** Returns the member with the key; undefined if there is none. */
  get(key: K): T | undefined {
    return this.#cells.get(key)?.member;
  }

  /** Gives the key to a member. A member that had it leaves. */
  set(key: K, member: T): void {
    const cell = this.#cells.get(key);
    if (cell === undefined) this.#cells.set(key, { member });
    else cell.member = member;
  }

  /** Returns whether a member had the key. */
  delete(key: K): boolean {
    const cell = this.#cells.get(key);
    if (cell === undefined) return false;
    cell.member = undefined;
    return this.#cells.delete(key);
  }

  /** Visits the members in the order in which their keys joined, as `Roster` does. */
  values(): IterableIterator<T> {
    return membersIn(this.#cells.values());
  }

  /** The same, with the keys. */
  [Symbol.iterator](): IterableIterator<[key: K, member: T]> {
    return entriesIn(this.#cells);
  }
}

function* membersIn<T>(cells: Iterable<Cell<T>>): IterableIterator<T> {
  for (const { member } of cells) if (member !== undefined) yield member;
}

function* entriesIn<K, T>(cells: Iterable<[K, Cell<T>]>): IterableIterator<[key: K, member: T]> {
  for (const [key, { member }] of cells) if (member !== undefined) yield [key, member];
}
