import { kindOf } from '../result/kind-of.js';
import { err, ok, type Result } from '../result/result.js';
import { ignoreRejection } from '../result/thenable.js';
import { type CommonConfig, type CommonOptions, commonSchema } from './common-options.js';
import { complaintOf, isUnknownKey, pathOf, unknownKey, unknownKeysIn, unreadable } from './complaints.js';
import { entriesIn, freezeDeeply, isDictionary } from './dictionary.js';
import { snapshot, type UnreadableKey } from './snapshot.js';
import {
  knownSections,
  type OptionIssue,
  type OptionsOutcome,
  type ResolvedTransportSections,
  type TransportSection,
  type TransportSections,
} from './transport-sections.js';

/**
 * The configuration of a connection or a server. It is a plain object. It is valid as JSON, except for a few options
 * that only code can set. Both ends of a connection may use the same one. Each transport adds a section with its own
 * options, such as `sharedMemory` and `webSocket`. `docs/configuration.md` lists all options.
 */
export interface ConnectionConfig extends CommonOptions, TransportSections {}

/** The configuration of a server: the same object. The server listens on the endpoint and on every fallback. */
export type ServerConfig = ConnectionConfig;

/** A checked configuration with every default filled in. */
export interface ResolvedConnectionConfig extends CommonConfig, ResolvedTransportSections {}

/** The checked configurations, each with the sections that were checked in it. */
const resolved = new WeakMap<object, ReadonlySet<string>>();

/**
 * Checks a configuration, for example a parsed JSON file, and fills in the defaults. It knows the sections of the
 * transports that this program has loaded. `InvalidParameter` names every wrong key, the kind of its value, and the
 * allowed values; it contains no value that may be secret. The function never throws.
 *
 * @param config the configuration; the function copies it, so later changes have no effect
 * @param transports more transports whose sections the function checks
 */
export function resolveConnectionConfig(
  config: unknown,
  transports: readonly Partial<TransportSection>[] = [],
): Result<ResolvedConnectionConfig> {
  if (!Array.isArray(transports))
    return err('InvalidParameter', `the transports of a configuration are a list; ${kindOf(transports)} was given`);
  return resolve(config, knownSections(transports), false);
}

/**
 * The same for a connection or server of one transport. If no loaded transport defines a section, it belongs to another
 * transport, and the result does not contain it.
 *
 * @param own the section of that transport, if it has one
 */
export function resolveOwnConfig(config: unknown, own?: TransportSection): Result<ResolvedConnectionConfig> {
  return resolve(config, knownSections(own === undefined ? [] : [own]), true);
}

/**
 * Returns a changed copy of a checked configuration. It does not check the changes. Throws a `TypeError` if the
 * configuration was not checked.
 */
export function changeConfig(
  config: ResolvedConnectionConfig,
  changes: Partial<ResolvedConnectionConfig>,
): ResolvedConnectionConfig {
  const sections = resolved.get(config);
  if (sections === undefined) {
    throw new TypeError(
      `changeConfig() takes a configuration that resolveConnectionConfig() has checked; ${kindOf(config)} was given`,
    );
  }
  if (!isRecord(changes))
    throw new TypeError(`changeConfig() takes an object of changes; ${kindOf(changes)} was given`);
  const changed = Object.freeze({ ...config, ...changes });
  resolved.set(changed, sections);
  return changed;
}

function resolve(
  config: unknown,
  sections: ReadonlyMap<string, TransportSection>,
  isOfOneTransport: boolean,
): Result<ResolvedConnectionConfig> {
  if (isResolved(config, sections)) return ok(config);
  let given: unknown;
  try {
    given = snapshot(config);
  } catch (error) {
    return invalid([unreadable((error as UnreadableKey).path)]);
  }
  if (!isRecord(given)) return invalid([complaintOf({ message: 'an object is allowed' }, [], given)]);
  const { common, parts, complaints } = split(given, sections, isOfOneTransport);
  complaints.push(...unknownKeysIn(commonSchema, common, []));
  const checked = check(commonSchema, common);
  const complete: Record<string, unknown> = {};
  if (checked.issues === undefined) Object.assign(complete, checked.value);
  else complaints.push(...complain(checked.issues, common, []));
  for (const [key, section] of sections) {
    const { optionsSchema } = section;
    complaints.push(...unknownKeysIn(optionsSchema, parts[key], [key]));
    const outcome = check(optionsSchema, parts[key]);
    if (outcome.issues === undefined) {
      complete[key] = outcome.value;
      const fault =
        checked.issues === undefined ? faultIn(section, outcome.value, endpointsOf(checked.value)) : undefined;
      if (fault !== undefined) complaints.push(fault);
    } else complaints.push(...complain(outcome.issues, parts[key], [key]));
  }
  if (complaints.length > 0) return invalid(complaints);
  const frozen = Object.freeze(complete) as unknown as ResolvedConnectionConfig;
  resolved.set(frozen, new Set(sections.keys()));
  return ok(frozen);
}

/** Returns the fault that the transport finds in its checked section. A check that throws is a fault too. */
function faultIn(section: TransportSection, checked: unknown, endpoints: readonly string[]): string | undefined {
  try {
    return section.faultOf?.(checked, endpoints);
  } catch {
    // The thrown error may quote a secret.
    return `'${section.optionsKey}' could not be checked: the check of its transport threw`;
  }
}

function endpointsOf(checked: unknown): readonly string[] {
  const { endpoint, fallback } = checked as CommonConfig;
  return [endpoint, ...fallback];
}

/** Whether the configuration was checked before, with those sections. */
function isResolved(
  config: unknown,
  sections: ReadonlyMap<string, TransportSection>,
): config is ResolvedConnectionConfig {
  const checked = typeof config === 'object' && config !== null ? resolved.get(config) : undefined;
  return checked !== undefined && [...sections.keys()].every((key) => checked.has(key));
}

interface Parts {
  readonly common: Record<string, unknown>;
  readonly parts: Record<string, unknown>;
  readonly complaints: string[];
}

/** Common options that are objects. */
const SECTIONS: readonly string[] = ['reconnect', 'transportOptions'];

/** Separates the common options from the sections, and finds the keys that are neither. */
function split(
  given: Readonly<Record<string, unknown>>,
  sections: ReadonlyMap<string, TransportSection>,
  isOfOneTransport: boolean,
): Parts {
  const common = Object.create(null) as Record<string, unknown>;
  const parts = Object.create(null) as Record<string, unknown>;
  const complaints: string[] = [];
  const commonKeys = Object.keys(commonSchema.entries);
  const allowed = [...commonKeys, ...sections.keys()];
  for (const [key, value] of Object.entries(given)) {
    const isSection = sections.has(key) || SECTIONS.includes(key);
    if (isSection && isRecord(value) && !isDictionary(value)) {
      complaints.push(complaintOf({ message: 'an object is allowed' }, [key], value));
    } else if (isSection && isRecord(value) && entriesIn(value) === undefined) {
      complaints.push(unreadable([key]));
    } else if (commonKeys.includes(key)) common[key] = value;
    else if (sections.has(key)) parts[key] = value;
    else if (!isOfOneTransport || !isRecord(value)) complaints.push(unknownKey([key], value, allowed));
  }
  return { common, parts, complaints };
}

/** The outcome of each schema for a missing section. */
const outcomesOfMissing = new WeakMap<TransportSection['optionsSchema'], OptionsOutcome<unknown>>();

/**
 * Checks a section. The defaults of a missing one are asked for once: most connections miss most sections. All of them
 * share these defaults, so nobody may change them.
 */
function check(schema: TransportSection['optionsSchema'], given: unknown): OptionsOutcome<unknown> {
  if (given !== undefined) return validate(schema, given);
  const known = outcomesOfMissing.get(schema);
  if (known !== undefined) return known;
  const outcome = validate(schema, Object.create(null));
  if (outcome.issues === undefined) freezeDeeply(outcome.value);
  outcomesOfMissing.set(schema, outcome);
  return outcome;
}

function validate(schema: TransportSection['optionsSchema'], given: unknown): OptionsOutcome<unknown> {
  try {
    const outcome = schema['~standard'].validate(given);
    if (!('then' in outcome)) return outcome;
    ignoreRejection(outcome);
    return { issues: [{ message: 'its schema is asynchronous, which is not supported' }] };
  } catch {
    // The thrown error may quote a secret.
    return { issues: [{ message: 'its schema failed on this value' }] };
  }
}

/** Makes one complaint for each key, except for unknown keys, which have one already. */
function complain(issues: readonly OptionIssue[], given: unknown, prefix: readonly string[]): string[] {
  const complaints = new Map<string, string>();
  for (const issue of issues.filter((each) => !isUnknownKey(each))) {
    const path = pathOf(issue);
    const at = [...prefix, ...path];
    const key = at.join('.');
    if (!complaints.has(key)) complaints.set(key, complaintOf(issue, at, valueAt(given, path)));
  }
  return [...complaints.values()];
}

function valueAt(given: unknown, path: readonly string[]): unknown {
  let value = given;
  for (const key of path) value = isRecord(value) || Array.isArray(value) ? (value as never)[key] : undefined;
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(complaints: readonly string[]): Result<never> {
  return err('InvalidParameter', `invalid configuration: ${complaints.join('; ')}`);
}
