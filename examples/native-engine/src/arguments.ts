import { parseArgs } from 'node:util';

/** The command line: whole numbers by name, `--name N`. */
export interface Counts {
  /** How long the engine runs, in frames that the editor sees. */
  readonly frames: number;
  /** How many objects the engine moves. */
  readonly objects: number;
  /** The size of the asset that the editor uploads. */
  readonly 'upload-bytes': number;
  /** The port of the page, 0 for any free one; undefined: the example serves no page and ends after its frames. */
  readonly port?: number | undefined;
}

const DEFAULTS: Counts = { frames: 120, objects: 2000, 'upload-bytes': 8 * 1024 * 1024 };
const LIMITS: Readonly<Record<keyof Counts, readonly [least: number, most: number]>> = {
  frames: [1, 1_000_000],
  objects: [1, 1_000_000],
  'upload-bytes': [1, 256 * 1024 * 1024],
  port: [0, 65_535],
};

/** Reads the command line. Throws for what is not allowed. */
export function readArguments(argv: readonly string[]): Counts {
  const names = Object.keys(LIMITS) as (keyof Counts)[];
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  const values = parseArgs({ args: [...argv], options }).values as Record<string, unknown>;
  const counts: { -readonly [Name in keyof Counts]: Counts[Name] } = { ...DEFAULTS };
  for (const name of names) {
    const text = values[name];
    if (text === undefined) continue;
    const count = Number(text);
    const [least, most] = LIMITS[name];
    if (!Number.isSafeInteger(count) || count < least || count > most) {
      throw new RangeError(
        `--${name} was given ${JSON.stringify(text)}; a whole number from ${least} to ${most} is allowed`,
      );
    }
    counts[name] = count;
  }
  return counts;
}
