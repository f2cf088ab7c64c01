/** The resources of a test. Its end releases them in reverse order. */
export class Scope {
  readonly #disposers: (() => unknown)[] = [];

  /** Disposes `object` at the end. */
  add<T extends AsyncDisposable>(object: T): T {
    this.defer(() => object[Symbol.asyncDispose]());
    return object;
  }

  /** Calls `disposer` at the end and waits for its promise. */
  defer(disposer: () => unknown): void {
    this.#disposers.push(disposer);
  }

  /** Releases everything. Rejects with the first failure after the last disposer has run. */
  async dispose(): Promise<void> {
    const failures: unknown[] = [];
    for (let disposer = this.#disposers.pop(); disposer !== undefined; disposer = this.#disposers.pop()) {
      try {
        await disposer();
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

/** Returns the body of a test that gets its own scope. */
export function scoped(body: (scope: Scope) => Promise<void>): () => Promise<void> {
  return scopedBy(() => new Scope(), body);
}

/** Like `scoped`, with a scope of the caller's class. */
export function scopedBy<S extends Scope>(makeScope: () => S, body: (scope: S) => Promise<void>): () => Promise<void> {
  return async () => {
    const scope = makeScope();
    try {
      await body(scope);
    } catch (failure) {
      // The first failure comes first, because the second is often its consequence.
      await scope.dispose().catch((second: unknown) => {
        throw new AggregateError([failure, second], `${String(failure)}; and then: ${String(second)}`);
      });
      throw failure;
    }
    await scope.dispose();
  };
}
