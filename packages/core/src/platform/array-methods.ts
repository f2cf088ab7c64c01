export const { getPrototypeOf } = Object;
export const arrayPrototype = Uint8Array.prototype;
const typedArray = getPrototypeOf(arrayPrototype) as Readonly<Record<PropertyKey, unknown>>;

// Methods and getters of typed arrays, as functions of the array. A property that an array inherits costs V8 a lookup at
// each use; a function here costs none. V8 inlines a call of a bound `call`. It does not inline `Reflect.apply` with an
// array that it can't see.

/** Returns a method of typed arrays as a function of the array and its arguments. */
export function methodOf<M extends (array: Uint8Array, ...given: never[]) => unknown>(name: PropertyKey): M {
  // Not from its descriptor: Node.js turns methods into accessors under `--frozen-intrinsics`.
  return withReceiver(typedArray[name] as () => unknown) as M;
}

/** Returns a getter of typed arrays as a function of the array. It throws for a value that is not a typed array. */
export function getterOf<T>(name: PropertyKey): (array: unknown) => T {
  const { get } = Object.getOwnPropertyDescriptor(typedArray, name) as { readonly get: () => T };
  return withReceiver(get) as (array: unknown) => T;
}

function withReceiver(method: () => unknown): unknown {
  return Function.prototype.call.bind(method);
}

/** Returns the true length of an array in bytes. Throws a `TypeError` for a value that is not a typed array. */
export const lengthOf: (data: Uint8Array) => number = getterOf<number>('byteLength');
/** Returns the true buffer of an array. */
export const bufferOf: (data: Uint8Array) => ArrayBufferLike = getterOf<ArrayBufferLike>('buffer');
const offsetOf = getterOf<number>('byteOffset');

/** Returns a plain view of the bytes from `start` to `end`, or to the true end of the array, whatever its properties say. */
export function partOf(bytes: Uint8Array, start: number, end = lengthOf(bytes)): Uint8Array {
  return new Uint8Array(bufferOf(bytes), offsetOf(bytes) + start, end - start);
}
