import { arrayPrototype, getPrototypeOf, getterOf, methodOf } from '../platform/array-methods.js';
import { kindOf } from '../result/kind-of.js';

// The properties of an array may be wrong: a subclass or an own property can hide each of them. The platform's own getters read the
// true values. They throw for a value that is not a typed array, also for a `Proxy` of one.
const getLength = getterOf<number>('byteLength');
const getOffset = getterOf<number>('byteOffset');
const getBuffer = getterOf<ArrayBufferLike>('buffer');
/** Returns the name of a typed array's class; undefined for another value. */
const getClassName = getterOf<string | undefined>(Symbol.toStringTag);
const keys = methodOf('keys');
/** The `Buffer` of Node.js, a subclass that tells the truth. Undefined in pages. */
const PlatformBuffer = (globalThis as { readonly Buffer?: typeof Buffer }).Buffer;
const bufferPrototype = PlatformBuffer?.prototype as object | undefined;

/**
 * Returns the bytes of a message as an array whose properties are true: `data` itself, or a plain view of the same
 * memory if `data` has another class or comes from another realm. Throws a `TypeError` unless it is a `Uint8Array` over
 * memory that exists. Hot path: plain arrays and Buffers cost a few comparisons.
 */
export function messageBytes(data: Uint8Array): Uint8Array {
  return isPlain(data) ? data : viewOfUnusual(data);
}

/** Returns the true length of an array in bytes. Throws a `TypeError` for a value that is not a typed array. */
export function lengthOf(data: Uint8Array): number {
  return getLength(data);
}

/** Returns a plain view of the bytes from `start` on. */
export function plainView(data: Uint8Array, start: number): Uint8Array {
  return new Uint8Array(getBuffer(data), getOffset(data) + start, getLength(data) - start);
}

/** Applies `messageBytes` to each message of a batch. Throws a `TypeError` unless it is an array of `Uint8Array`s. */
export function messagesOf(messages: readonly Uint8Array[]): readonly Uint8Array[] {
  const isArray: boolean = Array.isArray(messages);
  if (!isArray) throw new TypeError(`a batch is an array of messages; ${kindOf(messages)} was given`);
  const { length } = messages;
  for (let index = 0; index < length; index += 1) {
    if (!isPlain(messages[index])) return Array.from({ length }, (_, at) => messageBytes(messages[at] as Uint8Array));
  }
  return messages;
}

/** Whether it is a non-empty array of the platform's own classes whose properties are true. */
function isPlain(data: unknown): boolean {
  try {
    // Another array of numbers may have the prototype of a `Uint8Array`.
    if (getClassName(data) !== 'Uint8Array') return false;
    return PlatformBuffer !== undefined && data instanceof PlatformBuffer ? isPlainBuffer(data) : isPlainArray(data);
  } catch {
    // Reading runs code of the program, such as a getter.
    return false;
  }
}

// Each of these two functions sees arrays of one class, so V8 knows the prototype of each without looking it up. A property
// that an array inherits, such as `constructor`, costs V8 a lookup.

function isPlainArray(data: unknown): boolean {
  const { length } = data as Uint8Array;
  return length !== 0 && length === getLength(data) && getPrototypeOf(data) === arrayPrototype;
}

function isPlainBuffer(data: unknown): boolean {
  const { length } = data as Uint8Array;
  return length !== 0 && length === getLength(data) && getPrototypeOf(data) === bufferPrototype;
}

function viewOfUnusual(data: unknown): Uint8Array {
  // An array of another realm (a vm context, a test runner's sandbox) is not an instance of this realm's class.
  if (getClassName(data) !== 'Uint8Array') {
    throw new TypeError(`a message is a Uint8Array; ${kindOf(data)} was given`);
  }
  const bytes = data as Uint8Array;
  try {
    // Throws unless the memory exists: a buffer may be detached, or may have shrunk to less than the array's start.
    if (getLength(bytes) === 0) keys(bytes);
  } catch (error) {
    throw new TypeError(
      'a message is a Uint8Array with a live buffer; one with a detached or shortened buffer was given',
      { cause: error },
    );
  }
  return plainView(bytes, 0);
}
