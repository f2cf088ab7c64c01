import { printable } from './printable.js';

const MAX_CLASS_NAME = 60;

/**
 * Returns the kind of a value for an error message: `a string`, `null`, `a Float32Array`. It does not contain the
 * value, which may be a secret.
 */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  const name = classOf(value);
  if (name === 'Object' || name === '') return 'an object';
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${printable(name, MAX_CLASS_NAME)}`;
}

/** Returns a number as text, for an error about its value. For any other value, returns its kind. */
export function numberOrKind(value: unknown): string {
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : kindOf(value);
}

/** The name of an object's class; empty if there is none, or if reading it throws. */
function classOf(value: object): string {
  try {
    const { name } = (value as { readonly constructor?: { readonly name?: unknown } }).constructor ?? {};
    return typeof name === 'string' ? name : '';
  } catch {
    return '';
  }
}
