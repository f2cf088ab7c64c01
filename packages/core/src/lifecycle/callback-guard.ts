import type { InPlaceMessageCallback } from '../api/connection-types.js';
import { kindOf } from '../result/kind-of.js';
import { NetworkError } from '../result/network-error.js';

/**
 * Where callbacks and listeners run. Nothing starts after the gate was closed. What a callback throws, or what its
 * promise rejects with, is reported and goes no further. `drained()` waits for the promises that are pending.
 */
export class CallbackGuard {
  #isOpen = true;
  readonly #pending = new Set<Promise<void>>();
  readonly #onError: (error: NetworkError) => void;

  /** @param onError receives what callbacks threw or rejected with, as `CallbackFailed` */
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

  /** Runs a callback with one argument. Hot path: a closure in here would be paid for by every message. */
  run<A>(callback: (argument: A) => unknown, argument: A): void {
    if (!this.#isOpen) return;
    try {
      const returned = callback(argument);
      if (returned !== undefined) this.#watch(returned);
    } catch (error) {
      this.fail(error);
    }
  }

  /** As `run`, for a message callback that reads in place. */
  runInPlace(callback: InPlaceMessageCallback, bytes: Uint8Array, start: number, end: number): void {
    if (!this.#isOpen) return;
    try {
      const returned = callback(bytes, start, end);
      if (returned !== undefined) this.#watch(returned);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Runs a callback whose arguments are bound. For everything that is rarer than messages. */
  runBound(callback: () => unknown): void {
    this.run(callback, undefined);
  }

  /**
   * Resolves when no promise is pending that a callback returned before this call. A callback that makes the call before
   * its first `await` has returned none yet, so it does not wait for itself.
   */
  async drained(): Promise<void> {
    await Promise.all(this.#pending);
  }

  /** Reports what a callback failed with. */
  fail(error: unknown): void {
    this.#onError(new NetworkError('CallbackFailed', `a callback failed: ${describeThrown(error)}`, error));
  }

  #watch(returned: unknown): void {
    if (!isThenable(returned)) return;
    const settled = Promise.resolve(returned).then(
      () => {
        this.#pending.delete(settled);
      },
      (error: unknown) => {
        this.#pending.delete(settled);
        this.fail(error);
      },
    );
    this.#pending.add(settled);
  }
}

/** Asks for `then` and not for a class: a promise may be of another realm, or of a library. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return isObject && typeof (value as { then?: unknown }).then === 'function';
}

/** One line about anything that was thrown; an error may be of another realm. */
export function describeThrown(error: unknown): string {
  try {
    const message: unknown = (error as { message?: unknown } | null | undefined)?.message;
    return typeof message === 'string' ? message : String(error);
  } catch {
    return `a ${typeof error} that can't be printed`;
  }
}

/** Throws a `TypeError` unless it is a function or null. */
export function checkCallback(callback: unknown): void {
  if (callback === null || typeof callback === 'function') return;
  throw new TypeError(`a callback is a function or null; ${kindOf(callback)} was given`);
}
