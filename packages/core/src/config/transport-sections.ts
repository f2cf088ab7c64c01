import { kindOf } from '../result/kind-of.js';

/**
 * Sections of a configuration that belong to one transport each. A transport's package adds its own by declaration merging:
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
 * Options as a check gives them: what has a default is there, and nothing can be changed.
 *
 * `Options` are the options as a user writes them, `WithoutDefault` the names of those that stay absent where the user left
 * them out.
 */
export type Complete<Options, WithoutDefault extends keyof Options = never> = {
  readonly [Key in keyof Options as Key extends WithoutDefault ? never : Key]-?: Exclude<Options[Key], undefined>;
} & { readonly [Key in keyof Options as Key extends WithoutDefault ? Key : never]?: Options[Key] };

/** A fault of an option, as Standard Schema (https://standardschema.dev) describes it. */
export interface OptionIssue {
  /** What is allowed. It must not repeat what was given: that may be a secret. */
  readonly message: string;
  /** Where, below the section. */
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
  /** For type inference alone. */
  readonly types?: OptionTypes<Input, Output> | undefined;
  /** Checks a value. Throws nothing. */
  validate(value: unknown): OptionsOutcome<Output> | Promise<OptionsOutcome<Output>>;
}

/** The types of a schema. */
export interface OptionTypes<Input, Output> {
  /** What a configuration may hold. */
  readonly input: Input;
  /** What the check makes of it. */
  readonly output: Output;
}

/** A section that is right. */
export interface OptionsSuccess<Output> {
  /** The section with every default. */
  readonly value: Output;
  /** Absent: there is no fault. */
  readonly issues?: undefined;
}

/** A section that is wrong. */
export interface OptionsFailure {
  /** The faults, at least one. */
  readonly issues: readonly OptionIssue[];
}

/** What a schema says: the section with every default, or its faults. */
export type OptionsOutcome<Output> = OptionsSuccess<Output> | OptionsFailure;

/** The section of one transport: a key and what may stand under it. */
export interface TransportSection {
  /** The key in the configuration, such as `myTransport`. */
  readonly optionsKey: string;
  /** Checks the section and fills in the defaults; undefined is checked as an empty section. It must not be asynchronous. */
  readonly optionsSchema: OptionsSchema;
  /**
   * Looks for keys that would have no effect at either end, with these endpoints, or beside each other. Gives a sentence that
   * names the key, or undefined. It is asked about sections that the schema takes. Keys of the other end stay allowed: both
   * ends may use one configuration.
   */
  faultOf?(section: unknown, endpoints: readonly string[]): string | undefined;
}

/**
 * Nothing, where a schema's types are those of two interfaces; otherwise a type that no schema has, whose text is the compiler's
 * complaint. `readonly` makes no difference.
 */
export type SchemaAgreement<SchemaInput, SchemaOutput, Input, Output> =
  IsSame<SchemaInput, Input> extends true
    ? IsSame<SchemaOutput, Output> extends true
      ? unknown
      : 'the schema gives other options than the interface of complete options declares'
    : 'the schema takes other options than their interface declares';

/**
 * The same for the section of a transport whose key is declared in `TransportSections` and `ResolvedTransportSections`. A
 * section that is declared in neither, or a schema without types, agrees with everything.
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

/** Two conditional types are assignable to each other only where what they ask for is identical. */
type IsIdentical<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** The type without a difference between what can be changed and what can't. */
type Frozen<T> = T extends (...parameters: never) => unknown
  ? T
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T;

const known = new Map<string, TransportSection>();
/** Each section by its schema: two copies of a transport's package have two sections with one key. */
const bySchema = new WeakMap<OptionsSchema, TransportSection>();

/**
 * Defines the section of a transport, once, where its module is loaded. From then on `resolveConnectionConfig` checks that
 * section in every configuration, so that one configuration serves several transports. It compiles only while the schema's
 * types are those that `TransportSections` and `ResolvedTransportSections` declare for the key.
 */
export function defineTransportSection<const S extends TransportSection>(section: S & SectionAgreement<S>): S {
  const { optionsKey, optionsSchema } = (section as Partial<TransportSection> | null | undefined) ?? {};
  if (typeof optionsKey !== 'string' || typeof optionsSchema?.['~standard']?.validate !== 'function')
    throw new TypeError(`a section has a text optionsKey and an optionsSchema; ${kindOf(section)} was given`);
  known.set(section.optionsKey, section);
  bySchema.set(section.optionsSchema, section);
  return section;
}

/** The sections of the transports that this program has loaded, with those given in front. */
export function knownSections(given: readonly Partial<TransportSection>[]): ReadonlyMap<string, TransportSection> {
  const isList: boolean = Array.isArray(given);
  if (!isList) throw new TypeError(`knownSections() takes a list of sections; ${kindOf(given)} was given`);
  const all = new Map(known);
  for (const { optionsKey, optionsSchema } of given.filter(isPresent)) {
    if (optionsKey === undefined || optionsSchema === undefined) continue;
    // What a module has defined says more.
    all.set(optionsKey, bySchema.get(optionsSchema) ?? { optionsKey, optionsSchema });
  }
  return all;
}

/** A list that a program made up may have holes. */
function isPresent(section: Partial<TransportSection> | null | undefined): boolean {
  return section !== undefined && section !== null;
}
