import { parseArgs } from 'node:util';

/** What the command line says: whole numbers by name, `--name N`. */
export interface Counts {
  readonly frames: number;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
}

const DEFAULTS: Counts = { frames: 100, width: 640, height: 360 };
const LIMITS: Counts = { frames: 1_000_000, width: 1920, height: 1080 };

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
