import { classHashOf } from './class-hash.js';
import type { TypeInfo } from './type-info.js';
import { WeakReference } from './weak-reference.js';

/** `handleIndex()` of an object that carries no handle identity. */
export const INVALID_HANDLE_INDEX = 0xffffffff;

interface HandleIdentity {
  readonly owner: object;
  readonly index: number;
  readonly generation: number;
}

let nextInstanceId = 1;

/**
 * The base of every EntropyNet object that is shared by several holders: a reference count that starts at one,
 * weak references, an optional handle identity stamped by an owner, type information and three descriptions.
 *
 * The count says who may still use the object, not when its memory goes: memory is the garbage collector's. At the last
 * `release()` the object is disposed, which gives back what the collector can't (mappings, sockets, timers).
 */
export abstract class EntropyObject {
  readonly #instanceId = nextInstanceId++;
  #references = 1;
  #handle: HandleIdentity | undefined;
  #weak: WeakReference<EntropyObject> | undefined;

  /** Adds a reference. Throws a `RangeError` when the object was already disposed: use `tryRetain()` where it may be. */
  retain(): this {
    if (!this.tryRetain()) throw new RangeError(`${this.toString()} was disposed and can't be retained`);
    return this;
  }

  /** Adds a reference if the object is still alive, and says whether it was. */
  tryRetain(): boolean {
    if (this.#references === 0) return false;
    this.#references += 1;
    return true;
  }

  /** Gives a reference back; the last one disposes the object. Throws a `RangeError` when there was none left. */
  release(): void {
    if (this.#references === 0) throw new RangeError(`${this.toString()} was released more often than retained`);
    this.#references -= 1;
    if (this.#references > 0) return;
    this.#weak?.expire();
    this.onDispose();
  }

  /** How many references are held; 0 once the object was disposed. */
  refCount(): number {
    return this.#references;
  }

  /** A reference that does not keep the object alive; the same one at every call. */
  weakReference(): WeakReference<this> {
    if (this.#weak === undefined) {
      this.#weak = new WeakReference<EntropyObject>(this);
      if (this.#references === 0) this.#weak.expire();
    }
    return this.#weak as WeakReference<this>;
  }

  /** Whether an owner stamped a handle identity on this object. */
  hasHandle(): boolean {
    return this.#handle !== undefined;
  }

  /** The owner that stamped the handle identity. */
  handleOwner(): object | undefined {
    return this.#handle?.owner;
  }

  /** The owner, if it is an instance of `ownerClass`. */
  handleOwnerAs<T extends object>(ownerClass: abstract new (...args: never[]) => T): T | undefined {
    const owner = this.#handle?.owner;
    return owner instanceof ownerClass ? owner : undefined;
  }

  /** The slot index in the owner, `INVALID_HANDLE_INDEX` without a handle. */
  handleIndex(): number {
    return this.#handle?.index ?? INVALID_HANDLE_INDEX;
  }

  /** The slot's generation at stamping, 0 without a handle. */
  handleGeneration(): number {
    return this.#handle?.generation ?? 0;
  }

  /** Index and generation in one 64-bit value: index in the upper half, generation in the lower. */
  handleId(): bigint {
    return (BigInt(this.handleIndex()) << 32n) | BigInt(this.handleGeneration());
  }

  /** The run-time class name. */
  className(): string {
    return this.constructor.name;
  }

  /** A stable 64-bit identity of the class name (FNV-1a). */
  classHash(): bigint {
    return classHashOf(this.className());
  }

  /** Name, hash and base classes. */
  typeInfo(): TypeInfo {
    const bases: string[] = [];
    let prototype: unknown = Object.getPrototypeOf(Object.getPrototypeOf(this));
    while (prototype instanceof EntropyObject || prototype === EntropyObject.prototype) {
      bases.push((prototype as EntropyObject).constructor.name);
      prototype = Object.getPrototypeOf(prototype);
    }
    return { name: this.className(), hash: this.classHash(), bases };
  }

  /** Short: `ClassName@instance`. */
  toString(): string {
    return `${this.className()}@${this.#instanceId.toString(16)}`;
  }

  /** For people: what the object is about; `toString()` where a class has nothing to add. */
  description(): string {
    return this.toString();
  }

  /** For debugging: the description, the reference count and the handle, if any. */
  debugString(): string {
    const handle = this.#handle === undefined ? '' : ` handle=${this.#handle.index}:${this.#handle.generation}`;
    return `${this.description()} references=${this.#references}${handle}`;
  }

  /** Stamps the identity that `handleOwner()` and its siblings report. For owners of slots. */
  protected setHandleIdentity(owner: object, index: number, generation: number): void {
    this.#handle = { owner, index, generation };
  }

  /** Takes the stamp away. */
  protected clearHandleIdentity(): void {
    this.#handle = undefined;
  }

  /** Called once, at the last `release()`. Gives back what garbage collection can't. */
  protected onDispose(): void {
    // Nothing to give back by default.
  }
}
