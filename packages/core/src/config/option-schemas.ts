import * as v from './valibot.js';
import { isDictionary } from './dictionary.js';
import type { SchemaAgreement } from './transport-sections.js';

/** The longest time of a timer of the platform, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Returns the schema of a section of options. It refuses unknown keys. Entries and defaults have no prototype, so a
 * program that extends `Object.prototype` adds no key to them.
 */
export function section<const E extends v.ObjectEntries>(
  entries: E,
): v.StrictObjectSchema<E, (issue: v.StrictObjectIssue) => string> {
  return v.strictObject(Object.assign(Object.create(null) as object, entries), ({ expected }) =>
    expected === 'Object' ? 'an object is allowed' : 'it is required',
  );
}

/** The default of a missing section: each key has its default. */
export const NOTHING_GIVEN: Readonly<Record<string, never>> = Object.freeze(
  Object.create(null) as Record<string, never>,
);

/** Returns the schema of a whole number in a range, both ends included. */
export function wholeNumber(least: number, most?: number): NumberInRange {
  const upTo = most === undefined ? `of ${least} or more` : `from ${least} to ${most}`;
  return ranged(least, most, `a whole number ${upTo} is allowed`, Number.isSafeInteger);
}

/** Returns the schema of a number in a range, both ends included. */
export function numberFrom(least: number, most: number): NumberInRange {
  return ranged(least, most, `a number from ${least} to ${most} is allowed`, Number.isFinite);
}

/** Returns the schema of a number of bytes in a range, both ends included. */
export function byteCount(least: number, most: number): NumberInRange {
  return ranged(least, most, `a whole number from ${least} to ${most} is allowed`, Number.isSafeInteger, 'bytes');
}

/** Returns the schema of a duration in milliseconds that a timer of the platform supports. */
export function durationMs(): NumberInRange {
  return wholeNumber(1, MAX_TIMER_MS);
}

/** Returns the schema of a boolean. */
export function flag(): v.BooleanSchema<string> {
  return v.boolean('true or false is allowed');
}

/** Returns the schema of a text of at least that many characters. */
export function text(
  least = 0,
): v.SchemaWithPipe<readonly [v.StringSchema<string>, v.MinLengthAction<string, number, string>]> {
  const length = least === 0 ? '' : least === 1 ? ' that is not empty' : ` of ${least} characters or more`;
  const allowed = `a string${length} is allowed`;
  return v.pipe(v.string(allowed), v.minLength(least, allowed));
}

/** Returns the schema of one of several words. */
export function oneOf<const T extends readonly string[]>(...words: T): v.PicklistSchema<T, string> {
  return v.picklist(words, `one of ${words.map((word) => `'${word}'`).join(', ')} is allowed`);
}

/** Returns the schema of a list whose elements match a schema. */
export function listOf<const S extends v.GenericSchema>(element: S): v.ArraySchema<S, string> {
  return v.array(element, 'a list is allowed');
}

/**
 * Returns the schema of an object whose values match a schema. It refuses a `Map`, a `Headers` and other objects of the
 * platform, because they have no properties of their own.
 */
export function recordOf<const S extends v.GenericSchema>(value: S, allowed: string): RecordOf<S> {
  return v.pipe(
    v.custom<Record<string, v.InferInput<S>>>((given) => isDictionary(given), allowed),
    v.record(v.string(), value, allowed),
  );
}

/** The schema of an object whose values match a schema. */
export type RecordOf<S extends v.GenericSchema> = v.SchemaWithPipe<
  readonly [
    v.CustomSchema<Record<string, v.InferInput<S>>, v.ErrorMessage<v.CustomIssue> | undefined>,
    v.RecordSchema<v.StringSchema<undefined>, S, string>,
  ]
>;

/** The range of a number, for the tables of the documentation. */
// A type alias and not an interface, because valibot's metadata must be assignable to a record.
export type NumberRange = {
  /** The smallest allowed number. */
  readonly least: number;
  /** The largest allowed number. Undefined if there is no limit. */
  readonly most: number | undefined;
  /** The unit, if a table may use larger ones such as KiB. */
  readonly unit: 'bytes' | undefined;
};

/** The schema of a number in a range. */
export type NumberInRange = v.SchemaWithPipe<
  readonly [v.NumberSchema<string>, v.CheckAction<number, string>, v.MetadataAction<number, NumberRange>]
>;

function ranged(
  least: number,
  most: number | undefined,
  allowed: string,
  isKind: (value: number) => boolean,
  unit?: 'bytes',
): NumberInRange {
  return v.pipe(
    v.number(allowed),
    v.check((value) => isKind(value) && value >= least && value <= (most ?? Infinity), allowed),
    v.metadata({ least, most, unit }),
  );
}

/**
 * Checks at compile time that a schema matches two interfaces. `schemaOf<Options, Config>()(schema)` returns the
 * schema. It compiles only if the schema accepts exactly `Options` and returns exactly `Config`.
 */
export function schemaOf<Input, Output>(): <S extends v.GenericSchema>(
  schema: S & SchemaAgreement<v.InferInput<S>, v.InferOutput<S>, Input, Output>,
) => S {
  return (schema) => schema;
}
