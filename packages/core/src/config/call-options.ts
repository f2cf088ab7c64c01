import { isDictionary } from './dictionary.js';
import { kindOf } from '../result/kind-of.js';
import { NetworkError } from '../result/network-error.js';
import { printable } from '../result/printable.js';

const MAX_KEY = 60;

/**
 * The kind of value that an option accepts, as error messages name it. `undefined` is always allowed. With `anything`,
 * the function that gets the options checks the value itself.
 */
export type OptionKind =
  | 'a string'
  | 'a number'
  | 'true or false'
  | 'a function'
  | 'an object'
  | 'an AbortSignal'
  | 'anything'
  | readonly [words: string, is: (value: unknown) => boolean];

/** The kinds of all options of an object. It compiles only if no option is missing. */
export type OptionKinds<O> = Readonly<Record<keyof O & string, OptionKind>>;

const KINDS: Readonly<Record<Extract<OptionKind, string>, (value: unknown) => boolean>> = {
  'a string': (value: unknown): boolean => typeof value === 'string',
  'a number': (value: unknown): boolean => typeof value === 'number',
  'true or false': (value: unknown): boolean => typeof value === 'boolean',
  'a function': (value: unknown): boolean => typeof value === 'function',
  'an object': isDictionary,
  'an AbortSignal': isSignal,
  anything: (): boolean => true,
};

/** The options of a call that has only a signal. */
export interface SignalOptions {
  /** Aborts the call. */
  readonly signal?: AbortSignal | undefined;
}

/** The kinds of `SignalOptions`. */
export const SIGNAL_OPTION: OptionKinds<SignalOptions> = { signal: 'an AbortSignal' };

/**
 * Checks an object of options: it finds unknown names and values of the wrong kind. Returns undefined if there is no
 * fault; otherwise an `InvalidParameter`, which the caller throws or returns. Sending a message with options calls it,
 * so it allocates nothing for correct options.
 * @param what the function that gets the options, as error messages name it
 * @param kinds the kinds of all options
 */
export function faultOfOptions<O extends object>(
  what: string,
  options: O | undefined,
  kinds: OptionKinds<O>,
): NetworkError | undefined {
  if (options === undefined) return undefined;
  const given: unknown = options;
  if (typeof given !== 'object' || given === null || Array.isArray(given) || isSignal(given)) {
    return noOptions(what, given);
  }
  let isEmpty = true;
  // The loop also visits inherited names, which are not options of the caller.
  for (const key in given) {
    if (!Object.hasOwn(given, key)) continue;
    isEmpty = false;
    if (!Object.hasOwn(kinds, key)) return unknownIn(what, given, Object.keys(kinds));
    const value = (given as Readonly<Record<string, unknown>>)[key];
    const kind = (kinds as Readonly<Record<string, OptionKind>>)[key] as OptionKind;
    if (value !== undefined && !isOfKind(value, kind)) return wrongKind(what, key, value, kind);
  }
  return isEmpty && !isDictionary(given) ? noOptions(what, given) : undefined;
}

/** The same check, but it throws the fault. */
export function checkOptions<O extends object>(what: string, options: O | undefined, kinds: OptionKinds<O>): void {
  const fault = faultOfOptions(what, options, kinds);
  if (fault !== undefined) throw fault;
}

/**
 * Throws a `TypeError` unless the value is a connection or a handle.
 * @param what the function that gets the connection, as error messages name it
 */
export function checkConnection(what: string, given: unknown): void {
  const { isConnected, ok } =
    (given as { readonly isConnected?: unknown; readonly ok?: unknown } | null | undefined) ?? {};
  if (typeof isConnected === 'function') return;
  const shown = typeof ok === 'boolean' ? 'a Result was given: unwrap() it first' : `${kindOf(given)} was given`;
  throw new TypeError(`${what} takes a connection or a handle; ${shown}`);
}

function noOptions(what: string, given: unknown): NetworkError {
  return new NetworkError('InvalidParameter', `${what} takes an object of options; ${kindOf(given)} was given`);
}

function isOfKind(value: unknown, kind: OptionKind): boolean {
  return typeof kind === 'string' ? KINDS[kind](value) : kind[1](value);
}

function wrongKind(what: string, key: string, value: unknown, kind: OptionKind): NetworkError {
  const allowed = typeof kind === 'string' ? kind : kind[0];
  return new NetworkError('InvalidParameter', `${what}: '${key}' was given ${kindOf(value)}; ${allowed} is allowed`);
}

function unknownIn(what: string, given: object, allowed: readonly string[]): NetworkError {
  const named = Object.keys(given)
    .filter((key) => !allowed.includes(key))
    .map((key) => `'${printable(key, MAX_KEY)}'`);
  return new NetworkError(
    'InvalidParameter',
    `${what} has no option ${named.join(', ')}; its options are ${allowed.join(', ')}`,
  );
}

/**
 * Checks the shape and not the class: a signal may come from another realm, or from a library. Each call that ends
 * removes its listener again.
 */
function isSignal(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>;
  const isTarget = typeof addEventListener === 'function' && typeof removeEventListener === 'function';
  return isTarget && typeof aborted === 'boolean';
}
