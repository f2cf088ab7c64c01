/** What a weak reference asks of its object. */
export interface Retainable {
  /** Adds a reference if the object is still alive, and says whether it was. */
  tryRetain(): boolean;
}

/**
 * A reference that does not keep its object alive. It turns empty at the object's last `release()`,
 * not at garbage collection, so two holders always agree on whether the object is alive.
 */
export class WeakReference<T extends Retainable> {
  #target: T | undefined;

  /** Made by `EntropyObject.weakReference()`; not meant to be called by anyone else. */
  constructor(target: T) {
    this.#target = target;
  }

  /** True once the object's last reference was released. */
  get expired(): boolean {
    return this.#target === undefined;
  }

  /** The object with one reference more, which the caller must `release()`; undefined once the object is gone. */
  lock(): T | undefined {
    const target = this.#target;
    return target?.tryRetain() === true ? target : undefined;
  }

  /** Called by the object at its last release. */
  expire(): void {
    this.#target = undefined;
  }
}
