import type { InPlaceMessageCallback } from '../api/connection-types.js';
import { warnOf } from '../platform/warning.js';
import { describeThrown } from '../result/describe-thrown.js';
import { kindOf } from '../result/kind-of.js';
import { NetworkError } from '../result/network-error.js';
import { isThenable } from '../result/thenable.js';

/**
 * Runs callbacks and listeners. After `close()` none starts. If a callback throws or its promise rejects, the guard
 * reports the error, and the caller does not see it. `drained()` waits for the pending promises.
 */
export class CallbackGuard {
  #isOpen = true;
  #pending: Set<Promise<void>> | undefined;
  readonly #onError: (error: NetworkError) => void;

  /** @param onError receives the errors of callbacks, as `CallbackFailed` */
  constructor(onError: (error: NetworkError) => void) {
    this.#onError = onError;
  }

  /** Whether callbacks may start. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(): void {
    this.#isOpen = true;
  }

  close(): void {
    this.#isOpen = false;
  }

  /** Runs a callback with one argument. Hot path: every message would pay for a closure. */
  run<A>(callback: (argument: A) => unknown, argument: A): void {
    if (!this.#isOpen) return;
    try {
      const returned = callback(argument);
      if (returned !== undefined) this.#watch(returned);
    } catch (error) {
      this.fail(error);
    }
  }

  /** `run` for a message callback that reads in place. */
  runInPlace(callback: InPlaceMessageCallback, bytes: Uint8Array, start: number, end: number): void {
    if (!this.#isOpen) return;
    try {
      const returned = callback(bytes, start, end);
      if (returned !== undefined) this.#watch(returned);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Runs a callback whose arguments are bound. For events that are rarer than messages. */
  runBound(callback: () => unknown): void {
    this.run(callback, undefined);
  }

  /**
   * Resolves when every promise that a callback returned before this call has settled. A callback that makes the call
   * before its first `await` has not returned its promise yet, so it does not wait for itself.
   */
  async drained(): Promise<void> {
    if (this.#pending !== undefined) await Promise.all(this.#pending);
  }

  /** Reports the error of a callback. */
  fail(error: unknown): void {
    this.#onError(new NetworkError('CallbackFailed', `a callback failed: ${describeThrown(error)}`, error));
  }

  #watch(returned: unknown): void {
    if (!isThenable(returned)) return;
    const pending = (this.#pending ??= new Set<Promise<void>>());
    const settled = Promise.resolve(returned).then(
      () => {
        pending.delete(settled);
      },
      (error: unknown) => {
        pending.delete(settled);
        this.fail(error);
      },
    );
    pending.add(settled);
  }
}

/**
 * Returns a guard whose errors become warnings of the process (`CallbackFailed`), for functions without an object whose
 * `error` listeners could hear of them.
 * @param what the function, as the warning names it
 */
export function warningGuard(what: string): CallbackGuard {
  return new CallbackGuard(({ cause }) => {
    warnOf(new NetworkError('CallbackFailed', `${what} failed: ${describeThrown(cause)}`, cause));
  });
}

/** Throws a `TypeError` unless it is a function or null. */
export function checkCallback(callback: unknown): void {
  if (callback === null || typeof callback === 'function') return;
  throw new TypeError(`a callback is a function or null; ${kindOf(callback)} was given`);
}
