import { kindOf } from '../result/kind-of.js';
import { printable } from '../result/printable.js';
import { redactEndpoint } from '../result/redact.js';
import { entriesIn, isDictionary } from './dictionary.js';
import type { OptionIssue } from './transport-sections.js';

const MAX_KEY = 60;
const MAX_ENDPOINT = 80;
/** Shorter than any secret, which has 16 characters or more. */
const MAX_WORD = 15;
const MAX_MESSAGE = 200;
/** A shorter text may appear in a sentence by chance. */
const MIN_QUOTED = 3;
/** Texts that a program passes by mistake for a flag. The sentence about the allowed flags contains both. */
const NO_SECRETS = new Set(['true', 'false']);
/** The error does not show numbers of such keys, because they may be secrets. */
const SECRET_KEYS = /secret|pass|token|auth|key|cert|cookie|header|credential|pin$/i;

/**
 * Returns the fault of an option in one sentence, with the key, the kind of the given value, and the allowed values.
 */
export function complaintOf(issue: OptionIssue, path: readonly string[], given: unknown): string {
  const allowed = quotes(issue.message, given) ? 'another value is allowed' : printable(issue.message, MAX_MESSAGE);
  return `${nameOf(path)} was given ${show(given, path, issue)}; ${allowed}`;
}

/** Returns the fault of a value that throws when it is read. The thrown error may quote a secret. */
export function unreadable(path: readonly string[]): string {
  return `${nameOf(path)} can't be read: reading it threw`;
}

/** Returns the fault of a key that no schema knows. */
export function unknownKey(path: readonly string[], given: unknown, allowed: readonly string[]): string {
  return `unknown key '${keyOf(path)}' (given ${show(given, path)}; allowed here: ${allowed.join(', ')})`;
}

/**
 * Returns the unknown keys of a section and of its sections, for a schema of valibot. Other libraries report their own.
 */
export function unknownKeysIn(schema: unknown, given: unknown, path: readonly string[]): string[] {
  const entries = entriesOf(schema, given);
  if (entries === undefined || typeof given !== 'object' || given === null) return [];
  // A schema of valibot accepts a list as an object with numbers as keys.
  if (isList(given)) return [complaintOf({ message: 'an object is allowed' }, path, given)];
  const allowed = Object.keys(entries);
  // If the object can't be read, its schema fails on it too.
  return (entriesIn(given) ?? []).flatMap(([key, value]) => {
    const at = [...path, key];
    return allowed.includes(key) ? unknownKeysIn(entries[key], value, at) : [unknownKey(at, value, allowed)];
  });
}

/** Whether a strict schema of valibot found an unknown key. It stops at the first one of a section. */
export function isUnknownKey(issue: OptionIssue): boolean {
  const { expected, type } = issue as { expected?: unknown; type?: unknown };
  return expected === 'never' && type === 'strict_object';
}

/** Returns the path of an issue of a schema, with the keys as given: a sentence must make them printable. */
export function pathOf(issue: OptionIssue): string[] {
  return (issue.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step));
}

function nameOf(path: readonly string[]): string {
  return path.length === 0 ? 'the configuration' : `'${keyOf(path)}'`;
}

/** Returns a key's name. A program may choose any names. */
function keyOf(path: readonly string[]): string {
  return path.map((name) => printable(name, MAX_KEY)).join('.');
}

/**
 * Returns the kind of the given value, and the value itself only if it can't be a secret. It shows a short text if the
 * option allows several words or is a number of the common options, and an endpoint without its secret parts.
 */
function show(value: unknown, path: readonly string[], issue?: OptionIssue): string {
  switch (typeof value) {
    case 'undefined':
      return 'nothing';
    case 'boolean':
      return String(value);
    case 'number':
    case 'bigint':
      return path.some((name) => SECRET_KEYS.test(name)) ? `a ${typeof value}` : String(value);
    case 'string':
      return showText(value, path, issue);
    case 'object':
      if (value === null) return 'null';
      if (isList(value)) return 'a list';
      return isDictionary(value) ? 'an object' : kindOf(value);
    default:
      return `a ${typeof value}`;
  }
}

function showText(text: string, path: readonly string[], issue: OptionIssue | undefined): string {
  if (text === '') return 'an empty string';
  const [first] = path;
  if (first === 'endpoint' || (first === 'fallback' && path.length === 2))
    return `"${printable(redactEndpoint(text), MAX_ENDPOINT)}"`;
  const { type } = (issue ?? {}) as { type?: unknown };
  const isWord = type === 'picklist' || (path.length === 1 && type === 'number');
  return isWord && text.length <= MAX_WORD ? `"${printable(text)}"` : 'a string';
}

/**
 * Whether a schema's sentence repeats the given text: some libraries do that, and the text may be a secret. A text that
 * is too short for one counts only as a separate word: 'TLSv1' is no quotation in "one of 'TLSv1.2', 'TLSv1.3'".
 */
function quotes(message: string, given: unknown): boolean {
  if (typeof given === 'string') {
    if (given.length < MIN_QUOTED || NO_SECRETS.has(given)) return false;
    if (given.length > MAX_WORD) return message.includes(given);
    return message.split(given).some((before, index, parts) => {
      const after = parts[index + 1];
      return after !== undefined && !/[\w/]$/.test(before) && !/^(?:[\w/-]|[.:]\w)/.test(after);
    });
  }
  if (typeof given !== 'object' || given === null) return false;
  return (entriesIn(given) ?? []).some(([, inner]) => typeof inner === 'string' && quotes(message, inner));
}

function isList(value: object): boolean {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

interface SchemaParts {
  readonly entries?: Readonly<Record<string, unknown>>;
  readonly wrapped?: unknown;
  /** For a lazy schema: returns the schema for a value. */
  readonly getter?: (given: unknown) => unknown;
}

function entriesOf(schema: unknown, given: unknown): Readonly<Record<string, unknown>> | undefined {
  const { entries, wrapped, getter } = schema as SchemaParts;
  const inner = wrapped ?? getter?.(given);
  return entries ?? (inner === undefined ? undefined : entriesOf(inner, given));
}
