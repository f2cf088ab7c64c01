/**
 * Whether it is an object that carries names and values: a literal or an instance of a program's class. Objects of the
 * platform, such as a list, a `Map`, a `Date` or a `Headers`, say otherwise of themselves.
 */
export function isDictionary(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Object]';
}
