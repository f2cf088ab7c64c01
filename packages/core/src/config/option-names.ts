import { NetworkError } from '../result/network-error.js';
import { printable } from '../result/printable.js';

const MAX_KEY = 60;

/**
 * What is wrong with the names in an object of options that only code passes in: one that nobody reads would be ignored in silence.
 * Undefined where nothing is; otherwise `InvalidParameter`, for the caller to throw or to return.
 * @param what takes the options, as a sentence names it
 * @param allowed every option there is
 */
export function faultOfOptionNames<O extends object>(
  what: string,
  options: O | undefined,
  allowed: readonly (keyof O & string)[],
): NetworkError | undefined {
  if (options === undefined) return undefined;
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) {
    const kind = given === null ? 'null' : `a ${typeof given}`;
    return new NetworkError('InvalidParameter', `${what} takes an object of options; ${kind} was given`);
  }
  const unknown = Object.keys(given).filter((key) => !(allowed as readonly string[]).includes(key));
  if (unknown.length === 0) return undefined;
  const named = unknown.map((key) => `'${printable(key, MAX_KEY)}'`).join(', ');
  return new NetworkError('InvalidParameter', `${what} has no option ${named}; its options are ${allowed.join(', ')}`);
}

/** The same, thrown. */
export function checkOptionNames<O extends object>(
  what: string,
  options: O | undefined,
  allowed: readonly (keyof O & string)[],
): void {
  const fault = faultOfOptionNames(what, options, allowed);
  if (fault !== undefined) throw fault;
}
