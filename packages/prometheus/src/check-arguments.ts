import { faultOfOptions, kindOf, type OptionKind } from '@entropynet/core';
import type { Registry } from 'prom-client';

const OPTIONS: Readonly<Record<string, OptionKind>> = {
  register: ['a Registry of prom-client', isRegistry],
  // The characters that prom-client allows at the beginning of a name.
  prefix: [
    'a string of letters, digits, _ and :',
    (value) => typeof value === 'string' && /^(?!\d)[\w:]*$/.test(value),
  ],
  // prom-client throws a plain Error for other names of labels.
  labels: ['an object of strings, whose names have letters, digits and _, but no digit first,', isLabels],
};

/** Throws a `TypeError` that names a wrong argument, as prom-client does. */
export function checkArguments(manager: unknown, options: object): void {
  if (!['getManagerMetrics', 'activeCount', 'capacity'].every((method) => has(manager, method)))
    throw new TypeError(`collectManagerMetrics() takes a ConnectionManager; ${kindOf(manager)} was given`);
  const fault = faultOfOptions('collectManagerMetrics()', options, OPTIONS);
  if (fault !== undefined) throw new TypeError(fault.message);
}

/** Throws a `TypeError` unless it is a registry. */
export function checkRegistry(what: string, register: Registry): void {
  if (!isRegistry(register))
    throw new TypeError(`${what} takes a Registry of prom-client; ${kindOf(register)} was given`);
}

function isRegistry(value: unknown): boolean {
  return has(value, 'metrics') && has(value, 'getSingleMetric');
}

/** Refuses a `Map`, a `Date` or a list: they have no labels as properties, so all would be ignored. */
function isLabels(value: unknown): boolean {
  const isRecord = Object.prototype.toString.call(value) === '[object Object]';
  return (
    isRecord &&
    Object.entries(value as object).every(([name, each]) => /^(?!\d)\w+$/.test(name) && typeof each === 'string')
  );
}

function has(value: unknown, method: string): boolean {
  return typeof (value as Readonly<Record<string, unknown>> | null | undefined)?.[method] === 'function';
}
