/**
 * Whether it is an object with names and values: a literal, or an instance of a program's class. The objects of the
 * platform, such as a list, a `Map`, a `Date` or a `Headers`, report another class name.
 */
export function isDictionary(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Object]';
}
