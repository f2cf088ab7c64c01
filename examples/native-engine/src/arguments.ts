import { parseArgs } from 'node:util';

/** What the command line says: whole numbers by name, `--name N`. */
export interface Counts {
  /** How long the engine runs, in frames that the editor sees. */
  readonly frames: number;
  /** How many objects the engine moves. */
  readonly objects: number;
  /** The size of the asset that the editor uploads. */
  readonly 'upload-bytes': number;
}

const DEFAULTS: Counts = { frames: 120, objects: 2000, 'upload-bytes': 8 * 1024 * 1024 };
const LIMITS: Counts = { frames: 1_000_000, objects: 1_000_000, 'upload-bytes': 256 * 1024 * 1024 };

/** Reads the command line. Throws for what is not allowed. */
export function readArguments(argv: readonly string[]): Counts {
  const names = Object.keys(DEFAULTS) as (keyof Counts)[];
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  const values = parseArgs({ args: [...argv], options }).values as Record<string, unknown>;
  const counts = { ...DEFAULTS };
  for (const name of names) {
    const text = values[name];
    if (text === undefined) continue;
    const count = Number(text);
    if (!Number.isSafeInteger(count) || count < 1 || count > LIMITS[name]) {
      throw new RangeError(
        `--${name} was given ${JSON.stringify(text)}; a whole number from 1 to ${LIMITS[name]} is allowed`,
      );
    }
    counts[name] = count;
  }
  return counts;
}
