// The namespace, of which a bundler keeps what is used.
import * as v from 'valibot';
import { isDictionary } from './dictionary.js';
import type { SchemaAgreement } from './transport-sections.js';

/** The longest time that a timer of the platform holds, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * A section of options: an unknown key is refused. Entries and defaults have no prototype, so that a program that extends
 * `Object.prototype` adds no key to them.
 */
export function section<const E extends v.ObjectEntries>(
  entries: E,
): v.StrictObjectSchema<E, (issue: v.StrictObjectIssue) => string> {
  return v.strictObject(Object.assign(Object.create(null) as object, entries), ({ expected }) =>
    expected === 'Object' ? 'an object is allowed' : 'it is required',
  );
}

/** The default of a section that the user leaves out: that of each of its keys. */
export const NOTHING_GIVEN: Readonly<Record<string, never>> = Object.freeze(
  Object.create(null) as Record<string, never>,
);

/** A whole number in a range, both ends included. */
export function wholeNumber(least: number, most?: number): NumberInRange {
  const upTo = most === undefined ? `of ${least} or more` : `from ${least} to ${most}`;
  return ranged(least, most, `a whole number ${upTo} is allowed`, Number.isSafeInteger);
}

/** A number in a range, both ends included. */
export function numberFrom(least: number, most: number): NumberInRange {
  return ranged(least, most, `a number from ${least} to ${most} is allowed`, Number.isFinite);
}

/** A number of bytes in a range, both ends included. */
export function byteCount(least: number, most: number): NumberInRange {
  return ranged(least, most, `a whole number from ${least} to ${most} is allowed`, Number.isSafeInteger, 'bytes');
}

/** A span of time in milliseconds that a timer of the platform can hold. */
export function durationMs(): NumberInRange {
  return wholeNumber(1, MAX_TIMER_MS);
}

/** True or false. */
export function flag(): v.BooleanSchema<string> {
  return v.boolean('true or false is allowed');
}

/** A text of at least that many characters. */
export function text(
  least = 0,
): v.SchemaWithPipe<readonly [v.StringSchema<string>, v.MinLengthAction<string, number, string>]> {
  const length = least === 0 ? '' : least === 1 ? ' that is not empty' : ` of ${least} characters or more`;
  const allowed = `a string${length} is allowed`;
  return v.pipe(v.string(allowed), v.minLength(least, allowed));
}

/** One of several words. */
export function oneOf<const T extends readonly string[]>(...words: T): v.PicklistSchema<T, string> {
  return v.picklist(words, `one of ${words.map((word) => `'${word}'`).join(', ')} is allowed`);
}

/** A list whose elements each keep to a schema. */
export function listOf<const S extends v.GenericSchema>(element: S): v.ArraySchema<S, string> {
  return v.array(element, 'a list is allowed');
}

/**
 * An object whose values each keep to a schema. A `Map`, a `Headers` and other objects of the platform have no properties
 * of their own: as options they would be ignored in silence.
 */
export function recordOf<const S extends v.GenericSchema>(value: S, allowed: string): RecordOf<S> {
  return v.pipe(
    v.custom<Record<string, v.InferInput<S>>>((given) => isDictionary(given), allowed),
    v.record(v.string(), value, allowed),
  );
}

/** The schema of an object whose values each keep to a schema. */
export type RecordOf<S extends v.GenericSchema> = v.SchemaWithPipe<
  readonly [
    v.CustomSchema<Record<string, v.InferInput<S>>, v.ErrorMessage<v.CustomIssue> | undefined>,
    v.RecordSchema<v.StringSchema<undefined>, S, string>,
  ]
>;

/** The range of a number, for the tables of the documentation; undefined where it has no end. */
// An alias and no interface: valibot's metadata has to be assignable to a record.
export type NumberRange = {
  /** The smallest number that is allowed. */
  readonly least: number;
  /** The greatest number that is allowed; undefined: any. */
  readonly most: number | undefined;
  /** What is counted, where a table writes it in larger units. */
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
 * Ties a schema to the interfaces that describe it: `schemaOf<Options, Config>()(schema)` gives the schema, and compiles only
 * while a program may write exactly `Options` and the check gives exactly `Config`.
 */
export function schemaOf<Input, Output>(): <S extends v.GenericSchema>(
  schema: S & SchemaAgreement<v.InferInput<S>, v.InferOutput<S>, Input, Output>,
) => S {
  return (schema) => schema;
}
