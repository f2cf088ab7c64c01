import { parseArgs } from 'node:util';

/** What the command line says. */
export interface Arguments<N extends string> {
  /** Whole numbers by name, `--name N`. */
  readonly counts: Readonly<Record<N, number>>;
  /** `--websocket`: leave shared memory out. */
  readonly backend: 'auto' | 'websocket';
}

/** Reads the command line; `defaults` says which counts there are. Throws for what is not allowed. */
export function readArguments<N extends string>(
  argv: readonly string[],
  defaults: Readonly<Record<N, number>>,
): Arguments<N> {
  const names = Object.keys(defaults) as N[];
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  const { values } = parseArgs({ args: [...argv], options: { ...options, websocket: { type: 'boolean' } } });
  const counts: Record<N, number> = { ...defaults };
  for (const name of names) {
    const text = (values as Record<string, unknown>)[name];
    if (text === undefined) continue;
    const count = Number(text);
    if (!Number.isSafeInteger(count) || count < 1) {
      throw new RangeError(`--${name} was given ${JSON.stringify(text)}; a whole number from 1 on is allowed`);
    }
    counts[name] = count;
  }
  return { counts, backend: values.websocket === true ? 'websocket' : 'auto' };
}
