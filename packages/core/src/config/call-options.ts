import { isDictionary } from './dictionary.js';
import { kindOf } from '../result/kind-of.js';
import { NetworkError } from '../result/network-error.js';
import { printable } from '../result/printable.js';

const MAX_KEY = 60;

/**
 * What an option takes, as a sentence names it, and how that is told; `undefined` is always allowed. With `anything`, what
 * takes the options checks the value by itself.
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

/** Every option that an object of options may have. It compiles only where none is left out. */
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

/** The options of a call that only a signal can give up. */
export interface SignalOptions {
  /** Gives the call up. */
  readonly signal?: AbortSignal | undefined;
}

/** Their kinds. */
export const SIGNAL_OPTION: OptionKinds<SignalOptions> = { signal: 'an AbortSignal' };

/**
 * What is wrong with an object of options that only code passes in: a name that nobody reads would be ignored in silence, and
 * a value of another kind would fail later, somewhere inside. Undefined where nothing is; otherwise `InvalidParameter`, for the
 * caller to throw or to return. Hot where messages are sent with options: nothing is allocated for what is right.
 * @param what takes the options, as a sentence names it
 * @param kinds every option there is
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
  // The loop also sees what is inherited, which is no option of the caller's.
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

/** The same, thrown. */
export function checkOptions<O extends object>(what: string, options: O | undefined, kinds: OptionKinds<O>): void {
  const fault = faultOfOptions(what, options, kinds);
  if (fault !== undefined) throw fault;
}

/**
 * Throws a `TypeError` for what is no connection and no handle, before anything is asked of it.
 * @param what takes the connection, as a sentence names it
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

/** Asks for the shape and not for a class: a signal may be of another realm, or of a library. */
function isSignal(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener } = value as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
}
