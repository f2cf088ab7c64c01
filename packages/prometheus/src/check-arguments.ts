import type { Registry } from 'prom-client';

/** The kind of each option: its words for errors, and its check. `undefined` means the default. */
const OPTIONS: Readonly<Record<string, readonly [words: string, is: (value: unknown) => boolean]>> = {
  register: ['a Registry of prom-client', isRegistry],
  // The characters that prom-client allows at the beginning of a name.
  prefix: [
    'a string of letters, digits, _ and :',
    (value) => typeof value === 'string' && /^(?!\d)[\w:]*$/.test(value),
  ],
  labels: ['an object of strings', isRecordOfStrings],
};

/** Throws a `TypeError` that names a wrong argument. This package imports only types of core. */
export function checkArguments(manager: unknown, options: unknown): void {
  if (!['getManagerMetrics', 'activeCount', 'capacity'].every((method) => has(manager, method)))
    throw new TypeError(`collectManagerMetrics() takes a ConnectionManager; ${kindOf(manager)} was given`);
  if (!isDictionary(options))
    throw new TypeError(`collectManagerMetrics() takes an object of options; ${kindOf(options)} was given`);
  const names = Object.keys(OPTIONS);
  const unknown = Object.keys(options).filter((key) => !names.includes(key));
  if (unknown.length > 0) {
    // The name of an unknown option may contain any character.
    const named = unknown.map((key) => `'${key.replace(/[^ -~]/gu, '?')}'`).join(', ');
    throw new TypeError(`collectManagerMetrics() has no option ${named}; its options are ${names.join(', ')}`);
  }
  for (const [key, [words, is]] of Object.entries(OPTIONS)) {
    const value = (options as Readonly<Record<string, unknown>>)[key];
    if (value !== undefined && !is(value))
      throw new TypeError(`collectManagerMetrics(): '${key}' was given ${kindOf(value)}; ${words} is allowed`);
  }
}

/** Throws a `TypeError` unless it is a registry. */
export function checkRegistry(what: string, register: Registry): void {
  if (!isRegistry(register))
    throw new TypeError(`${what} takes a Registry of prom-client; ${kindOf(register)} was given`);
}

function isRegistry(value: unknown): boolean {
  return has(value, 'metrics') && has(value, 'getSingleMetric');
}

function isRecordOfStrings(value: unknown): boolean {
  return isDictionary(value) && Object.values(value).every((each) => typeof each === 'string');
}

/** Refuses a `Map`, a `Date` or a list: it has no options as properties, so all would be ignored. */
function isDictionary(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Object]';
}

function has(value: unknown, method: string): boolean {
  return typeof (value as Readonly<Record<string, unknown>> | null | undefined)?.[method] === 'function';
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'object') return Array.isArray(value) ? 'a list' : 'an object';
  return `a ${typeof value}`;
}
