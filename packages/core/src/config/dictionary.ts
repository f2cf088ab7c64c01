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
