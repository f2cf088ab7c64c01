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

const getLength = getterOf<number>('byteLength');
const getOffset = getterOf<number>('byteOffset');
const getBuffer = getterOf<ArrayBufferLike>('buffer');

/**
 * For transports: returns a plain view of the bytes from `start` to `end`, or to the true end of the array. The method `subarray` of a
 * Buffer reads the property `length`, which a program may have hidden.
 */
export function partOf(bytes: Uint8Array, start: number, end = getLength(bytes)): Uint8Array {
  return new Uint8Array(getBuffer(bytes), getOffset(bytes) + start, end - start);
}

/**
 * For transports: returns the payload of a frame (`FrameWriter.tryWrite`): `bytes` itself, or a plain view of a part. Only the
 * array of a whole message may lie about its length, because core makes a plain view of a message before it divides it.
 */
export function payloadOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return start === 0 && end === bytes.length ? bytes : partOf(bytes, start, end);
}
