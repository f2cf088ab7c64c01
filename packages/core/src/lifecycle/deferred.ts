/** A promise with its `resolve` function. */
export class Deferred<V> {
  readonly promise: Promise<V>;
  /** Whether it has its result, even if that is not reported yet. */
  isUsed = false;
  resolve: (value: V) => void = () => undefined;

  constructor() {
    this.promise = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }
}
