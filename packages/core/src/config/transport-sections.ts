import { kindOf } from '../result/kind-of.js';

/**
 * The sections of a configuration, one for each transport. A transport's package adds its own by declaration merging:
 *
 * ```ts
 * declare module '@entropynet/core' {
 *   interface TransportSections { myTransport?: MyOptions | undefined }
 *   interface ResolvedTransportSections { readonly myTransport: MyConfig }
 * }
 * ```
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- the packages of transports fill it
export interface TransportSections {}

/** The same sections with every default filled in. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- the packages of transports fill it
export interface ResolvedTransportSections {}

/**
 * The type of checked options: an option with a default is always present, and all are read-only.
 *
 * `Options` is the type of the options as a user writes them. `WithoutDefault` names the options that have no default.
 */
export type Complete<Options, WithoutDefault extends keyof Options = never> = {
  readonly [Key in keyof Options as Key extends WithoutDefault ? never : Key]-?: Exclude<Options[Key], undefined>;
} & { readonly [Key in keyof Options as Key extends WithoutDefault ? Key : never]?: Options[Key] };

/** A fault of an option, as Standard Schema (https://standardschema.dev) describes it. */
export interface OptionIssue {
  /** The allowed values. It must not contain the given value, which may be a secret. */
  readonly message: string;
  /** The path of the option in the section. */
  readonly path?: readonly (PropertyKey | OptionPathSegment)[] | undefined;
}

/** A step of the path to a faulty option. */
export interface OptionPathSegment {
  /** The key or the index. */
  readonly key: PropertyKey;
}

/** A schema of valibot, zod, arktype, or of another library that offers Standard Schema. */
export interface OptionsSchema<Input = unknown, Output = unknown> {
  /** The interface of Standard Schema, version 1. */
  readonly '~standard': StandardOptions<Input, Output>;
}

/** The interface of Standard Schema, version 1. */
export interface StandardOptions<Input, Output> {
  /** The version of the interface. */
  readonly version: 1;
  /** The name of the library. */
  readonly vendor: string;
  /** Only for type inference. */
  readonly types?: OptionTypes<Input, Output> | undefined;
  /** Checks a value. It must not throw. */
  validate(value: unknown): OptionsOutcome<Output> | Promise<OptionsOutcome<Output>>;
}

/** The types of a schema. */
export interface OptionTypes<Input, Output> {
  /** The type of the section in a configuration. */
  readonly input: Input;
  /** The type of the checked section. */
  readonly output: Output;
}

/** The outcome for a correct section. */
export interface OptionsSuccess<Output> {
  /** The section with every default. */
  readonly value: Output;
  /** Absent: there is no fault. */
  readonly issues?: undefined;
}

/** The outcome for a wrong section. */
export interface OptionsFailure {
  /** The faults, at least one. */
  readonly issues: readonly OptionIssue[];
}

/** The outcome of a check: the section with every default, or its faults. */
export type OptionsOutcome<Output> = OptionsSuccess<Output> | OptionsFailure;

/** The section of one transport: its key and its schema. */
export interface TransportSection {
  /** The key in the configuration, such as `myTransport`. */
  readonly optionsKey: string;
  /**
   * The schema that checks the section and fills in the defaults. A missing section counts as an empty one; the schema
   * gets that once, and all configurations without the section share its result. It must be synchronous.
   */
  readonly optionsSchema: OptionsSchema;
  /**
   * Looks for keys that have no effect at either end, with these endpoints or with each other. It gets a section that
   * the schema has accepted. Keys that only the other end uses are correct: both ends may use one configuration.
   * @returns a sentence that names the key; undefined if there is no fault
   */
  faultOf?(section: unknown, endpoints: readonly string[]): string | undefined;
}

/**
 * An empty type if a schema has the types of two interfaces. Otherwise a type that no schema has; its text appears in
 * the compiler's error. `readonly` makes no difference.
 */
export type SchemaAgreement<SchemaInput, SchemaOutput, Input, Output> =
  IsSame<SchemaInput, Input> extends true
    ? IsSame<SchemaOutput, Output> extends true
      ? unknown
      : 'the schema gives other options than the interface of complete options declares'
    : 'the schema takes other options than their interface declares';

/**
 * The same for the section of a transport whose key is declared in `TransportSections` and `ResolvedTransportSections`.
 * A section that is declared in neither, or a schema without types, always agrees.
 */
export type SectionAgreement<Section> = Section extends Readonly<
  Record<'optionsKey', infer Key extends Extract<keyof TransportSections, keyof ResolvedTransportSections>>
> &
  Readonly<Record<'optionsSchema', OptionsSchema<infer Input, infer Output>>>
  ? unknown extends Input
    ? unknown
    : Readonly<
        Record<
          'optionsSchema',
          SchemaAgreement<
            Input,
            Output,
            Exclude<TransportSections[Key], undefined>,
            Exclude<ResolvedTransportSections[Key], undefined>
          >
        >
      >
  : unknown;

type IsSame<A, B> = IsIdentical<Frozen<A>, Frozen<B>>;

/** Two conditional types are assignable to each other only if the types that they test are identical. */
type IsIdentical<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** The type with `readonly` everywhere. */
type Frozen<T> = T extends (...parameters: never) => unknown
  ? T
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T;

const known = new Map<string, TransportSection>();
/** Each section by its schema: two copies of a transport's package have two sections with one key. */
const bySchema = new WeakMap<OptionsSchema, TransportSection>();

/**
 * Defines the section of a transport. Call it once, when the transport's module is loaded. From then on
 * `resolveConnectionConfig` checks that section in every configuration. It compiles only if the schema has the types
 * that `TransportSections` and `ResolvedTransportSections` declare for the key.
 */
export function defineTransportSection<const S extends TransportSection>(section: S & SectionAgreement<S>): S {
  const { optionsKey, optionsSchema } = (section as Partial<TransportSection> | null | undefined) ?? {};
  if (typeof optionsKey !== 'string' || typeof optionsSchema?.['~standard']?.validate !== 'function')
    throw new TypeError(`a section has a text optionsKey and an optionsSchema; ${kindOf(section)} was given`);
  known.set(section.optionsKey, section);
  bySchema.set(section.optionsSchema, section);
  return section;
}

/** Returns the given sections, followed by those of the transports that this program has loaded. */
export function knownSections(given: readonly Partial<TransportSection>[]): ReadonlyMap<string, TransportSection> {
  const isList: boolean = Array.isArray(given);
  if (!isList) throw new TypeError(`knownSections() takes a list of sections; ${kindOf(given)} was given`);
  const all = new Map(known);
  for (const { optionsKey, optionsSchema } of given.filter(isPresent)) {
    if (optionsKey === undefined || optionsSchema === undefined) continue;
    // The section that a module has defined contains more.
    all.set(optionsKey, bySchema.get(optionsSchema) ?? { optionsKey, optionsSchema });
  }
  return all;
}

/** A list of a program may have holes. */
function isPresent(section: Partial<TransportSection> | null | undefined): boolean {
  return section !== undefined && section !== null;
}
