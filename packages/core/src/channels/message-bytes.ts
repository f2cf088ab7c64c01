import { kindOf } from '../result/kind-of.js';

/**
 * Throws a `TypeError` unless `data` is a `Uint8Array` (or a subclass, such as `Buffer`) over memory that still exists.
 * Hot path: a non-empty array costs one comparison; the slow questions are asked of empty and foreign ones only.
 */
export function checkMessageBytes(data: Uint8Array): void {
  if (data instanceof Uint8Array && data.length !== 0) return;
  checkUnusualBytes(data);
}

/**
 * The same bytes as a plain array, for code that takes pieces of them: a subclass makes of `subarray` and `slice` whatever
 * its constructor gives, such as all of the buffer.
 */
export function plainBytes(data: Uint8Array): Uint8Array {
  return data.constructor === Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.length);
}

/** Throws a `TypeError` unless it is an array of what `checkMessageBytes` takes. */
export function checkBatch(messages: readonly Uint8Array[]): void {
  const isArray: boolean = Array.isArray(messages);
  if (!isArray) throw new TypeError(`a batch is an array of messages; ${kindOf(messages)} was given`);
  for (const data of messages) checkMessageBytes(data);
}

function checkUnusualBytes(data: unknown): void {
  // An array of another realm (a vm context, a test runner's sandbox) is no instance of this realm's class.
  if (!ArrayBuffer.isView(data) || (data as Partial<Uint8Array>)[Symbol.toStringTag] !== 'Uint8Array') {
    throw new TypeError(`a message is a Uint8Array; ${kindOf(data)} was given`);
  }
  if (data.byteLength !== 0) return;
  try {
    // Asks whether the memory exists: a buffer may be detached, or have become shorter than where the array begins.
    Uint8Array.prototype.keys.call(data as Uint8Array);
  } catch (error) {
    throw new TypeError(
      'a message is a Uint8Array over memory that exists; one whose buffer was detached or made shorter was given',
      { cause: error },
    );
  }
}
