// The type only: core also runs where there is no such module.
import type { AsyncLocalStorage } from 'node:async_hooks';
import { NetworkError } from '../result/network-error.js';

/** One run of a callback whose promise is still pending. */
interface Invocation {
  settled: Promise<void>;
}

/**
 * Where callbacks run. Nothing starts after the gate was closed; what a callback throws or its promise rejects with is
 * reported and goes no further; `drained()` waits for pending promises, save the one it is called from.
 */
export class CallbackGuard {
  #isOpen = true;
  #current: Invocation | undefined;
  readonly #pending = new Set<Invocation>();
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

  /**
   * Runs a callback with one argument. Hot path: a closure in here would be paid for by every message.
   * @param isAsync whether the callback is declared `async` (`isAsyncFunction`)
   */
  run<A>(callback: (argument: A) => unknown, argument: A, isAsync: boolean): void {
    if (!this.#isOpen) return;
    if (isAsync) {
      this.#runAsync(callback, argument);
      return;
    }
    const outer = this.#current;
    this.#current = undefined;
    try {
      const returned = callback(argument);
      if (returned !== undefined) this.#watch(returned, this.#current ?? newInvocation());
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#current = outer;
    }
  }

  /** Runs a callback whose arguments are bound. For everything that is rarer than messages. */
  runBound(callback: () => unknown, isAsync = false): void {
    this.run(callback, undefined, isAsync);
  }

  /**
   * Resolves once no promise of a callback is pending, save that of the callback it is called from: directly, or after
   * an `await` inside an async function.
   */
  async drained(): Promise<void> {
    const caller = callerStorage()?.getStore() ?? (this.#current ??= newInvocation());
    for (const invocation of [...this.#pending]) {
      if (invocation !== caller) await invocation.settled;
    }
  }

  #runAsync<A>(callback: (argument: A) => unknown, argument: A): void {
    const invocation = newInvocation();
    const outer = this.#current;
    this.#current = invocation;
    try {
      const context = callerStorage();
      this.#watch(context === undefined ? callback(argument) : context.run(invocation, callback, argument), invocation);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#current = outer;
    }
  }

  #watch(returned: unknown, invocation: Invocation): void {
    if (!isThenable(returned)) return;
    this.#pending.add(invocation);
    invocation.settled = Promise.resolve(returned)
      .then(
        () => undefined,
        (error: unknown) => {
          this.#fail(error);
        },
      )
      .finally(() => this.#pending.delete(invocation));
  }

  #fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#onError(new NetworkError('CallbackFailed', `a callback failed: ${reason}`, error));
  }
}

function newInvocation(): Invocation {
  return { settled: Promise.resolve() };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

const AsyncFunction = (async (): Promise<void> => Promise.resolve()).constructor;

/**
 * Whether a function is declared `async`. Only these run inside async context tracking, which costs more than
 * delivering a small message does and slows every promise of the process once it is used.
 */
export function isAsyncFunction(callback: unknown): boolean {
  return (callback as object).constructor === AsyncFunction;
}

/** Throws a `TypeError` unless it is a function or null. */
export function checkCallback(callback: unknown): void {
  if (callback === null || typeof callback === 'function') return;
  throw new TypeError(`a callback is a function or null; ${typeof callback} was given`);
}

let storage: AsyncLocalStorage<Invocation> | undefined;

/** Context tracking where the platform has it (Node.js, Bun, Deno); a browser has none. */
function callerStorage(): AsyncLocalStorage<Invocation> | undefined {
  if (storage === undefined && typeof process !== 'undefined') {
    const hooks = process.getBuiltinModule('node:async_hooks');
    storage = new hooks.AsyncLocalStorage<Invocation>();
  }
  return storage;
}
