import { kindOf } from './kind-of.js';
import { NetworkError, type NetworkErrorCode } from './network-error.js';

/** A success that carries `T`. */
export interface Success<T> {
  /** True for a success. */
  readonly ok: true;
  /** The value of the operation; undefined if it has none. */
  readonly value: T;
}

/** A failure that carries the reason. */
export interface Failure {
  /** False for a failure. */
  readonly ok: false;
  /** The reason, with a stable code. */
  readonly error: NetworkError;
}

/** The outcome of an operation. Operations return failures and do not throw them. */
export type Result<T = void> = Success<T> | Failure;

/** The success without a value. It is one frozen object, so returning it allocates nothing. */
export const OK: Result = Object.freeze({ ok: true, value: undefined });

/** A promise of `OK` that has resolved. Asynchronous operations that finish at once return it. */
export const RESOLVED_OK: Promise<Result> = Promise.resolve(OK);

/** Makes a success, with or without a value. */
export function ok(): Result;
export function ok<T>(value: T): Result<T>;
export function ok<T>(value?: T): Result<T | undefined> {
  return value === undefined ? (OK as Result<undefined>) : { ok: true, value };
}

/**
 * Makes a failure.
 * @param code a stable code
 * @param message a sentence that tells a person what to do
 * @param cause the failure that caused this one
 */
export function err(code: NetworkErrorCode, message?: string, cause?: unknown): Failure {
  return { ok: false, error: new NetworkError(code, message ?? code, cause) };
}

/**
 * Returns the value of a success. Throws the `NetworkError` of a failure, and a `TypeError` for a value that is not a
 * `Result`.
 */
export function unwrap<T>(result: Result<T>): T {
  const given = result as Partial<Success<T> & { readonly then: unknown }> | Failure | null | undefined;
  if (given?.ok === true) return given.value as T;
  if (given?.ok === false) throw given.error;
  const isPromise = given !== null && typeof given === 'object' && typeof given.then === 'function';
  const shown = isPromise ? 'a promise was given: await it first' : `${kindOf(given)} was given`;
  throw new TypeError(`unwrap() takes a Result; ${shown}`);
}
