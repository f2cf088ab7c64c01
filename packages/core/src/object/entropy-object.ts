import { classHashOf } from './class-hash.js';
import type { TypeInfo } from './type-info.js';
import { WeakReference } from './weak-reference.js';

/** The value of `handleIndex()` for an object without a handle identity. */
export const INVALID_HANDLE_INDEX = 0xffffffff;

interface HandleIdentity {
  readonly owner: object;
  readonly index: number;
  readonly generation: number;
}

let nextInstanceId = 1;

/** The hashes of the names of classes. A program has few classes, and hashing a name costs microseconds. */
const hashes = new Map<string, bigint>();

/**
 * The base class of objects that several holders share. It has a reference count that starts at one, weak references,
 * an optional handle identity that an owner sets, type information and three descriptions.
 *
 * The last `release()` disposes the object: it frees resources that the garbage collector can't free (mappings,
 * sockets, timers). The garbage collector frees the memory, independently of the count.
 */
export abstract class EntropyObject {
  readonly #instanceId = nextInstanceId++;
  #references = 1;
  #handle: HandleIdentity | undefined;
  #weak: WeakReference<EntropyObject> | undefined;

  /**
   * Adds a reference. Throws a `RangeError` if the object was already disposed; use `tryRetain()` if that can happen.
   */
  retain(): this {
    if (!this.tryRetain()) throw new RangeError(`${this.toString()} was disposed and can't be retained`);
    return this;
  }

  /** Adds a reference if the object is still alive. Returns whether it was. */
  tryRetain(): boolean {
    if (this.#references === 0) return false;
    this.#references += 1;
    return true;
  }

  /** Removes a reference; removing the last one disposes the object. Throws a `RangeError` if there was none left. */
  release(): void {
    if (this.#references === 0) throw new RangeError(`${this.toString()} was released more often than retained`);
    this.#references -= 1;
    if (this.#references > 0) return;
    this.#weak?.expire();
    this.onDispose();
  }

  /** Returns the number of references; 0 after the object was disposed. */
  refCount(): number {
    return this.#references;
  }

  /** Returns a reference that does not keep the object alive. It is the same one at every call. */
  weakReference(): WeakReference<this> {
    if (this.#weak === undefined) {
      this.#weak = new WeakReference<EntropyObject>(this);
      if (this.#references === 0) this.#weak.expire();
    }
    return this.#weak as WeakReference<this>;
  }

  /** Whether an owner has set a handle identity. */
  hasHandle(): boolean {
    return this.#handle !== undefined;
  }

  /** Returns the owner that set the handle identity; undefined without one. */
  handleOwner(): object | undefined {
    return this.#handle?.owner;
  }

  /** Returns the owner if it is an instance of `ownerClass`; otherwise undefined. */
  handleOwnerAs<T extends object>(ownerClass: abstract new (...args: never[]) => T): T | undefined {
    const owner = this.#handle?.owner;
    return owner instanceof ownerClass ? owner : undefined;
  }

  /** Returns the slot index in the owner; `INVALID_HANDLE_INDEX` without a handle identity. */
  handleIndex(): number {
    return this.#handle?.index ?? INVALID_HANDLE_INDEX;
  }

  /** Returns the slot's generation at the time the identity was set; 0 without a handle identity. */
  handleGeneration(): number {
    return this.#handle?.generation ?? 0;
  }

  /**
   * Returns index and generation as one 64-bit value: the index in the upper half, the generation in the lower half.
   */
  handleId(): bigint {
    return (BigInt(this.handleIndex()) << 32n) | BigInt(this.handleGeneration());
  }

  /** Returns the name of the class at run time. */
  className(): string {
    return this.constructor.name;
  }

  /** Returns a stable 64-bit hash of the class name (FNV-1a). */
  classHash(): bigint {
    const name = this.className();
    let hash = hashes.get(name);
    if (hash === undefined) {
      hash = classHashOf(name);
      hashes.set(name, hash);
    }
    return hash;
  }

  /** Returns name, hash and base classes. */
  typeInfo(): TypeInfo {
    const bases: string[] = [];
    let prototype: unknown = Object.getPrototypeOf(Object.getPrototypeOf(this));
    while (prototype instanceof EntropyObject || prototype === EntropyObject.prototype) {
      bases.push((prototype as EntropyObject).constructor.name);
      prototype = Object.getPrototypeOf(prototype);
    }
    return { name: this.className(), hash: this.classHash(), bases };
  }

  /** Returns a short description: `ClassName@instance`. */
  toString(): string {
    return `${this.className()}@${this.#instanceId.toString(16)}`;
  }

  /** Returns a description for people; by default the same as `toString()`. */
  description(): string {
    return this.toString();
  }

  /** Returns a description for debugging, with the reference count and the handle identity. */
  debugString(): string {
    const handle = this.#handle === undefined ? '' : ` handle=${this.#handle.index}:${this.#handle.generation}`;
    return `${this.description()} references=${this.#references}${handle}`;
  }

  /** Sets the identity that `handleOwner()`, `handleIndex()` and `handleGeneration()` return. For owners of slots. */
  protected setHandleIdentity(owner: object, index: number, generation: number): void {
    this.#handle = { owner, index, generation };
  }

  /** Removes the handle identity. */
  protected clearHandleIdentity(): void {
    this.#handle = undefined;
  }

  /** Frees resources that the garbage collector can't free. The last `release()` calls it, once. */
  protected onDispose(): void {
    // By default there is nothing to free.
  }
}
