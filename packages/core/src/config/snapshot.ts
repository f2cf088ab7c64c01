/** The depth of a copy: the configuration, a section, and a section of a section. */
const DEPTH = 3;

/**
 * Returns a copy of the given value. Later reads of the copy always give the same values, while getters and proxies may
 * change theirs. The copy contains no property that a program added to `Object.prototype`. It does not copy instances
 * of classes below the top, such as an HTTP server.
 *
 * @throws an `UnreadableKey` if reading a property throws
 */
export function snapshot(given: unknown): unknown {
  return copy(given, [], DEPTH, true);
}

/** Reading a property of a configuration threw. The error does not keep the thrown value, which may quote a secret. */
export class UnreadableKey extends Error {
  /** @param path the path of the property */
  constructor(readonly path: readonly string[]) {
    super(`reading '${path.join('.')}' threw`);
  }
}

function copy(value: unknown, path: readonly string[], depth: number, isTop = false): unknown {
  if (typeof value !== 'object' || value === null || depth === 0) return value;
  const inner = <T>(read: () => T, key: string): unknown => {
    const at = [...path, key];
    return copy(
      attempt(read, () => new UnreadableKey(at)),
      at,
      depth - 1,
    );
  };
  const kind = attempt(
    () => (Array.isArray(value) ? 'list' : isTop || isPlain(value) ? 'plain' : 'instance'),
    () => new UnreadableKey(path),
  );
  if (kind === 'instance') return value;
  if (kind === 'list') {
    const list = value as readonly unknown[];
    // A proxy may give any value as the length.
    return attempt(
      () => Array.from({ length: list.length }, (_unused, index) => inner(() => list[index], String(index))),
      () => new UnreadableKey(path),
    );
  }
  const keys = attempt(
    () => Object.keys(value),
    () => new UnreadableKey(path),
  );
  const copied = Object.create(null) as Record<string, unknown>;
  for (const key of keys) copied[key] = inner(() => (value as Record<string, unknown>)[key], key);
  return copied;
}

/** Whether it is an object literal, also one of another realm. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function attempt<T>(read: () => T, failure: () => Error): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof UnreadableKey) throw error;
    throw failure();
  }
}
