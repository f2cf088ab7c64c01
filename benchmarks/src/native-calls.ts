import { createRequire } from 'node:module';
import { dirname } from 'node:path';

let calls = 0;

/** How often this process has called into the addon since `countNativeCalls`. */
export function nativeCallCount(): number {
  return calls;
}

/**
 * Puts a counter in front of everything that the addon offers. To be called before shared memory is used: the addon's
 * exports are one object for the whole process, so that the transport finds the counted functions.
 */
export function countNativeCalls(): void {
  const entry = createRequire(import.meta.url).resolve('@entropynet/transport-shm');
  const load = createRequire(entry)('node-gyp-build') as (folder: string) => Record<string, unknown>;
  const addon = load(dirname(dirname(entry)));
  for (const [name, value] of Object.entries(addon)) addon[name] = counted(value);
}

/** The same value, with every function in it counted, and those of the objects that they return. */
function counted(value: unknown): unknown {
  if (typeof value === 'function') {
    const original = value as (...values: unknown[]) => unknown;
    const wrapper = (...values: unknown[]): unknown => {
      calls += 1;
      return counted(original(...values));
    };
    const statics = Object.getOwnPropertyNames(value).filter((name) => typeof (value as never)[name] === 'function');
    for (const name of statics)
      Object.defineProperty(wrapper, name, { value: counted(((value as never)[name] as () => unknown).bind(value)) });
    return wrapper;
  }
  const isSocket = typeof value === 'object' && value !== null && 'consumeRings' in value;
  if (!isSocket) return value;
  return new Proxy(value, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? counted((member as () => unknown).bind(target)) : member;
    },
  });
}
