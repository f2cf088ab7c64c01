import { kindOf } from './kind-of.js';
import { NetworkError, type NetworkErrorCode } from './network-error.js';

/** A success that carries `T`. */
export interface Success<T> {
  /** Tells a success from a failure. */
  readonly ok: true;
  /** What the operation gives; undefined for one that gives nothing. */
  readonly value: T;
}

/** A failure that carries the reason. */
export interface Failure {
  /** Tells a failure from a success. */
  readonly ok: false;
  /** Why, with a stable code. */
  readonly error: NetworkError;
}

/** What operations return: they never throw for an operational failure. */
export type Result<T = void> = Success<T> | Failure;

/** The success without a value: one frozen object, so that the message path allocates nothing. */
export const OK: Result = Object.freeze({ ok: true, value: undefined });

/** `OK`, already resolved: what an asynchronous operation returns when it finished at once. */
export const RESOLVED_OK: Promise<Result> = Promise.resolve(OK);

/** A success, with or without a value. */
export function ok(): Result;
export function ok<T>(value: T): Result<T>;
export function ok<T>(value?: T): Result<T | undefined> {
  return value === undefined ? (OK as Result<undefined>) : { ok: true, value };
}

/** A failure with a stable code, a sentence a person can act on and, where there is one, the failure underneath. */
export function err(code: NetworkErrorCode, message?: string, cause?: unknown): Failure {
  return { ok: false, error: new NetworkError(code, message ?? code, cause) };
}

/** The value of a success; throws the `NetworkError` of a failure, and a `TypeError` for what is no `Result`. */
export function unwrap<T>(result: Result<T>): T {
  const given = result as Partial<Success<T> & { readonly then: unknown }> | Failure | null | undefined;
  if (given?.ok === true) return given.value as T;
  if (given?.ok === false) throw given.error;
  const isPromise = given !== null && typeof given === 'object' && typeof given.then === 'function';
  const shown = isPromise ? 'a promise was given: await it first' : `${kindOf(given)} was given`;
  throw new TypeError(`unwrap() takes a Result; ${shown}`);
}
