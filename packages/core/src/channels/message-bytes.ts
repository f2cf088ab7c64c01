import { kindOf } from '../result/kind-of.js';

// What an array says of itself may be a lie: a subclass, or a property of its own, can stand in front of each of these. The
// platform's own getters ask the memory. They throw for what is no typed array, also for a `Proxy` of one.
const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const apply: (method: () => unknown, receiver: unknown, values: readonly []) => unknown = Reflect.apply;
const getLength = getterOf('byteLength');
const getOffset = getterOf('byteOffset');
const getBuffer = getterOf('buffer');
const getClassName = getterOf(Symbol.toStringTag);
const keys = Object.getOwnPropertyDescriptor(typedArray, 'keys')?.value as () => unknown;
/** Of Node.js: its arrays are no subclass of a program. Undefined in pages. */
const PlatformBuffer = (globalThis as { readonly Buffer?: unknown }).Buffer;
const NO_ARGUMENTS: readonly [] = [];

/**
 * The bytes of a message as an array that tells the truth of itself: `data`, or a plain view of the same memory where that
 * is an array of a subclass or of another realm. Throws a `TypeError` unless it is a `Uint8Array` over memory that exists.
 * Hot path: plain arrays and Buffers cost a few comparisons.
 */
export function messageBytes(data: Uint8Array): Uint8Array {
  return isPlain(data) ? data : viewOfUnusual(data);
}

/** How many bytes an array has in truth. Throws a `TypeError` for what is no typed array. */
export function lengthOf(data: Uint8Array): number {
  return apply(getLength, data, NO_ARGUMENTS) as number;
}

/** The bytes from `start` on as a plain array, for code that takes pieces of them. */
export function plainView(data: Uint8Array, start: number): Uint8Array {
  const buffer = apply(getBuffer, data, NO_ARGUMENTS) as ArrayBufferLike;
  const offset = apply(getOffset, data, NO_ARGUMENTS) as number;
  return new Uint8Array(buffer, offset + start, lengthOf(data) - start);
}

/** The messages of a batch, as `messageBytes` gives them. Throws a `TypeError` unless it is an array of such. */
export function messagesOf(messages: readonly Uint8Array[]): readonly Uint8Array[] {
  const isArray: boolean = Array.isArray(messages);
  if (!isArray) throw new TypeError(`a batch is an array of messages; ${kindOf(messages)} was given`);
  const { length } = messages;
  for (let index = 0; index < length; index += 1) {
    if (!isPlain(messages[index])) return Array.from({ length }, (_, at) => messageBytes(messages[at] as Uint8Array));
  }
  return messages;
}

/** Whether it is a non-empty array of the platform's own classes that says the truth. */
function isPlain(data: unknown): boolean {
  try {
    if (!(data instanceof Uint8Array)) return false;
    const { constructor } = data;
    if (constructor !== Uint8Array && constructor !== PlatformBuffer) return false;
    const { length } = data;
    return length !== 0 && length === lengthOf(data);
  } catch {
    // Asking runs code of the program's: a getter, or the trap of a proxy.
    return false;
  }
}

function viewOfUnusual(data: unknown): Uint8Array {
  // An array of another realm (a vm context, a test runner's sandbox) is no instance of this realm's class.
  if (apply(getClassName, data, NO_ARGUMENTS) !== 'Uint8Array') {
    throw new TypeError(`a message is a Uint8Array; ${kindOf(data)} was given`);
  }
  const bytes = data as Uint8Array;
  if (lengthOf(bytes) === 0) checkMemory(bytes);
  return plainView(bytes, 0);
}

/** Asks whether the memory exists: a buffer may be detached, or have become shorter than where the array begins. */
function checkMemory(bytes: Uint8Array): void {
  try {
    apply(keys, bytes, NO_ARGUMENTS);
  } catch (error) {
    throw new TypeError(
      'a message is a Uint8Array with a live buffer; one with a detached or shortened buffer was given',
      { cause: error },
    );
  }
}

function getterOf(name: PropertyKey): () => unknown {
  const { get } = Object.getOwnPropertyDescriptor(typedArray, name) as { readonly get: () => unknown };
  return get;
}
