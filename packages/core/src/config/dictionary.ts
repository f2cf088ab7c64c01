/**
 * Whether it is an object with names and values: a literal, or an instance of a program's class. The objects of the
 * platform, such as a list, a `Map`, a `Date` or a `Headers`, report another class name. An object that throws when it is
 * asked for that name counts as none.
 */
export function isDictionary(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return Object.prototype.toString.call(value) === '[object Object]';
  } catch {
    return false;
  }
}

/** Returns the names and values of an object; undefined if reading them throws. */
export function entriesIn(value: object): [name: string, value: unknown][] | undefined {
  try {
    return Object.entries(value);
  } catch {
    return undefined;
  }
}

/**
 * Freezes lists and object literals at every depth. Other objects stay as they are: an instance of a class may need to
 * change.
 */
export function freezeDeeply(value: unknown, seen = new Set<object>()): void {
  if (!Array.isArray(value) && !isLiteral(value)) return;
  if (seen.has(value)) return;
  seen.add(Object.freeze(value));
  for (const [, member] of entriesIn(value) ?? []) freezeDeeply(member, seen);
}

function isLiteral(value: unknown): value is object {
  if (!isDictionary(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // The prototype of a literal from another realm is another object. None of them has a prototype.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
