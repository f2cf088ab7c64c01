import { err, ok, type Failure, type Result } from '../result/result.js';

/** Connections that clients made and nobody accepted yet, and callers that wait for one. What every server needs. */
export class AcceptQueue<T> {
  readonly #ready: T[] = [];
  readonly #waiting: ((result: Result<T>) => void)[] = [];
  readonly #capacity: number;
  #isClosed = false;

  /** @param capacity how many may wait to be accepted */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Offers a connection to whoever accepts; false where the queue is full or closed and the caller must end it. */
  push(connection: T): boolean {
    if (this.#isClosed) return false;
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) {
      waiter(ok(connection));
      return true;
    }
    if (this.#ready.length >= this.#capacity) return false;
    this.#ready.push(connection);
    return true;
  }

  /** The next connection, in the order in which they came. */
  accept(signal?: AbortSignal): Promise<Result<T>> {
    if (signal?.aborted === true) return Promise.resolve(aborted(signal));
    const connection = this.#ready.shift();
    if (connection !== undefined) return Promise.resolve(ok(connection));
    if (this.#isClosed) return Promise.resolve(closed());
    return new Promise((resolve) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(settle), 1);
        resolve(aborted(signal));
      };
      const settle = (result: Result<T>): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve(result);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(settle);
    });
  }

  /** Takes out a connection that nobody has accepted yet; nothing happens where it is not there. */
  remove(connection: T): void {
    const index = this.#ready.indexOf(connection);
    if (index >= 0) this.#ready.splice(index, 1);
  }

  /** Ends the callers that wait with `ConnectionClosed`; returns the connections that nobody took. */
  close(): T[] {
    this.#isClosed = true;
    for (const settle of this.#waiting.splice(0)) settle(closed());
    return this.#ready.splice(0);
  }

  /** Takes connections again after `close()`. */
  open(): void {
    this.#isClosed = false;
  }

  /** Accepts until the queue is closed. */
  async *iterate(): AsyncGenerator<T, void, undefined> {
    for (let next = await this.accept(); next.ok; next = await this.accept()) yield next.value;
  }
}

function closed(): Failure {
  return err('ConnectionClosed', 'the server is not listening');
}

function aborted(signal: AbortSignal | undefined): Failure {
  return err('Aborted', 'accept was aborted', signal?.reason);
}
