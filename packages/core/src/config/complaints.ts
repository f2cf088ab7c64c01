import { kindOf } from '../result/kind-of.js';
import { printable } from '../result/printable.js';
import { redactEndpoint } from '../result/redact.js';
import { isDictionary } from './dictionary.js';
import type { OptionIssue } from './transport-sections.js';

const MAX_KEY = 60;
const MAX_ENDPOINT = 80;
/** A secret has 16 characters or more. */
const MAX_WORD = 15;
const MAX_MESSAGE = 200;
/** A shorter text may stand in a sentence by chance. */
const MIN_QUOTED = 3;
/** What a program gives by mistake for a flag: the sentence that allows flags names both. */
const NO_SECRETS = new Set(['true', 'false']);
/** Numbers that stand under such a key are not shown: they may be secrets. */
const SECRET_KEYS = /secret|pass|token|auth|key|cert|cookie|header|credential|pin$/i;

/** A fault of an option, in one sentence that names the key, the kind of what was given, and what is allowed. */
export function complaintOf(issue: OptionIssue, path: readonly string[], given: unknown): string {
  const key = path.length === 0 ? 'the configuration' : `'${keyOf(path)}'`;
  const allowed = quotes(issue.message, given) ? 'another value is allowed' : printable(issue.message, MAX_MESSAGE);
  return `${key} was given ${show(given, path, issue)}; ${allowed}`;
}

/** A key that no schema knows. */
export function unknownKey(path: readonly string[], given: unknown, allowed: readonly string[]): string {
  return `unknown key '${keyOf(path)}' (given ${show(given, path)}; allowed here: ${allowed.join(', ')})`;
}

/** The unknown keys of a section and of its sections, of a schema of valibot; other libraries report their own. */
export function unknownKeysIn(schema: unknown, given: unknown, path: readonly string[]): string[] {
  const entries = entriesOf(schema, given);
  if (entries === undefined || typeof given !== 'object' || given === null) return [];
  // A schema of valibot takes a list for an object with numbers as keys.
  if (isList(given)) return [complaintOf({ message: 'an object is allowed' }, path, given)];
  const allowed = Object.keys(entries);
  return Object.entries(given).flatMap(([key, value]) => {
    const at = [...path, key];
    return allowed.includes(key) ? unknownKeysIn(entries[key], value, at) : [unknownKey(at, value, allowed)];
  });
}

/** Whether a strict schema of valibot found an unknown key; it stops at the first one of a section. */
export function isUnknownKey(issue: OptionIssue): boolean {
  const { expected, type } = issue as { expected?: unknown; type?: unknown };
  return expected === 'never' && type === 'strict_object';
}

/** Where an issue of a schema points to. */
export function pathOf(issue: OptionIssue): string[] {
  return (issue.path ?? []).map((step) => printable(typeof step === 'object' ? step.key : step, MAX_KEY));
}

/** A key's name; names that a program made up may hold anything. */
function keyOf(path: readonly string[]): string {
  return path.map((name) => printable(name, MAX_KEY)).join('.');
}

/**
 * What was given: its kind, and its value only where that can't be a secret. A short text is shown where one of several
 * words or a number of the common options is allowed, and an endpoint without what may be secret in it.
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
 * Whether a schema's sentence repeats a text that was given: some libraries do, and the text may be a secret. A word that is too short for one
 * counts where it stands by itself: 'TLSv1' is no quotation in "one of 'TLSv1.2', 'TLSv1.3'".
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
  return Object.values(given).some((inner) => typeof inner === 'string' && quotes(message, inner));
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
  /** Of a lazy schema: which one holds for a value. */
  readonly getter?: (given: unknown) => unknown;
}

function entriesOf(schema: unknown, given: unknown): Readonly<Record<string, unknown>> | undefined {
  const { entries, wrapped, getter } = schema as SchemaParts;
  const inner = wrapped ?? getter?.(given);
  return entries ?? (inner === undefined ? undefined : entriesOf(inner, given));
}
