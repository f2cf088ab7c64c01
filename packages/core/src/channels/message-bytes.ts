import { arrayPrototype, getPrototypeOf, getterOf, lengthOf, methodOf, partOf } from '../platform/array-methods.js';
import { kindOf } from '../result/kind-of.js';

// The properties of an array may be wrong: a subclass or an own property can hide each of them. The platform's own getters read the
// true values. They throw for a value that is not a typed array, also for a `Proxy` of one.
/** Returns the name of a typed array's class; undefined for another value. */
const getClassName = getterOf<string | undefined>(Symbol.toStringTag);
const keys = methodOf('keys');
/** Of the `Buffer` of Node.js, a subclass that tells the truth. Undefined in pages. */
const bufferPrototype = (globalThis as { readonly Buffer?: { readonly prototype: object } }).Buffer?.prototype;
/** A length times this is 1 or more if the length is 2 GiB or more, and -1 or less for the opposite. */
const OVER_LONG = 2 ** -31;

/**
 * Returns the bytes of a message as an array whose properties are true: `data` itself, or a plain view of the same
 * memory if `data` has another class, a wrong `length` or comes from another realm. Throws a `TypeError` unless it is a
 * `Uint8Array` over memory that exists.
 */
export function messageBytes(data: Uint8Array): Uint8Array {
  return usualLength(data) === 0 || data.length !== lengthOf(data) ? viewOfUnusual(data) : data;
}

/**
 * Returns the true length of a usual message: a non-empty array of the platform's own classes, shorter than 2 GiB.
 * Returns 0 for any other value. Hot path. An own property `length` may hide the true one, or change from one access to the
 * next, so nothing on that path reads it.
 *
 * V8 holds the length of an array as a floating-point number, because it may be longer than 4 GiB. `| 0` takes its lower 32
 * bits, which costs less than a conversion with a check. After the access of `length`, V8 knows the class of the array.
 */
export function usualLength(data: unknown): number {
  try {
    // Another array of numbers may have the prototype of a `Uint8Array`.
    if (getClassName(data) !== 'Uint8Array') return 0;
    const claimed: unknown = (data as Uint8Array).length;
    const length = lengthOf(data as Uint8Array) | 0;
    if (typeof claimed !== 'number' || (claimed | 0) !== length || ((claimed * OVER_LONG) | 0) !== 0) return 0;
    // V8 knows it without a lookup in a program whose messages have one class.
    const prototype: unknown = getPrototypeOf(data);
    return prototype === arrayPrototype || prototype === bufferPrototype ? length : 0;
  } catch {
    // Reading runs code of the program, such as a getter.
    return 0;
  }
}

/**
 * Returns the messages of a batch, each as it is or as a plain view, before any of them is sent. The sender
 * proves each one again, because reading the next one may run code of the program. Throws a `TypeError` unless it is an
 * array of `Uint8Array`s.
 */
export function messagesOf(messages: readonly Uint8Array[]): readonly Uint8Array[] {
  const isArray: boolean = Array.isArray(messages);
  if (!isArray) throw new TypeError(`a batch is an array of messages; ${kindOf(messages)} was given`);
  const { length } = messages;
  for (let index = 0; index < length; index += 1) {
    if (usualLength(messages[index]) === 0)
      return Array.from({ length }, (_, at) => messageBytes(messages[at] as Uint8Array));
  }
  return messages;
}

function viewOfUnusual(data: unknown): Uint8Array {
  // An array of another realm (a vm context, a test runner's sandbox) is not an instance of this realm's class.
  if (getClassName(data) !== 'Uint8Array') {
    throw new TypeError(`a message is a Uint8Array; ${kindOf(data)} was given`);
  }
  const bytes = data as Uint8Array;
  try {
    // Throws unless the memory exists: a buffer may be detached, or may have shrunk to less than the array's start.
    if (lengthOf(bytes) === 0) keys(bytes);
  } catch (error) {
    throw new TypeError(
      'a message is a Uint8Array with a live buffer; one with a detached or shortened buffer was given',
      { cause: error },
    );
  }
  return partOf(bytes, 0);
}
