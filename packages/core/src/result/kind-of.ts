import { printable } from './printable.js';

const MAX_CLASS_NAME = 60;

/**
 * What kind of value was given, for the sentence of an error: `a string`, `null`, `a Float32Array`. The value itself may be a
 * secret and is not in it.
 */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  const name = classOf(value);
  if (name === 'Object' || name === '') return 'an object';
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${printable(name, MAX_CLASS_NAME)}`;
}

/** A number as it is, since its value is what is wrong; of everything else the kind. */
export function numberOrKind(value: unknown): string {
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : kindOf(value);
}

/** The name of an object's class; empty where there is none, or where asking for it throws. */
function classOf(value: object): string {
  try {
    const { name } = (value as { readonly constructor?: { readonly name?: unknown } }).constructor ?? {};
    return typeof name === 'string' ? name : '';
  } catch {
    return '';
  }
}
