/** An object that a weak reference can refer to. */
export interface Retainable {
  /** Adds a reference if the object is still alive. Returns whether it was. */
  tryRetain(): boolean;
}

/**
 * A reference that does not keep its object alive. It becomes empty at the object's last `release()`,
 * and not at garbage collection, so all holders see the same moment.
 */
export class WeakReference<T extends Retainable> {
  #target: T | undefined;

  /** Only `EntropyObject.weakReference()` calls it. */
  constructor(target: T) {
    this.#target = target;
  }

  /** Whether the object's last reference was released. */
  get expired(): boolean {
    return this.#target === undefined;
  }

  /** Adds a reference and returns the object; the caller must `release()` it. Undefined if the object was disposed. */
  lock(): T | undefined {
    const target = this.#target;
    return target?.tryRetain() === true ? target : undefined;
  }

  /** Makes the reference empty. The object calls it at its last release. */
  expire(): void {
    this.#target = undefined;
  }
}
