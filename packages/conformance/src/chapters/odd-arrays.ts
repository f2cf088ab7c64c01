import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { openPair, SMALL_LIMITS, type ChapterContext } from '../chapter-context.js';
import { messageOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { until } from '../support/until.js';

/** One frame, and a message of several. */
const LENGTHS = [40, 100_000];
const NOT_THE_BYTES = new TextEncoder().encode('not the bytes of the message');
/** The `Buffer` of Node.js; a page has none. */
const PlatformBuffer = (globalThis as { readonly Buffer?: typeof Buffer }).Buffer;

let looks = 0;
const looksAtArrays = new WeakMap<Uint8Array, number>();

/** Counts one more look at an array, and returns their number. */
function looksAt(array: Uint8Array): number {
  const count = (looksAtArrays.get(array) ?? 0) + 1;
  looksAtArrays.set(array, count);
  return count;
}

const { get: trueLength } = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  'byteLength',
) as {
  readonly get: () => number;
};

/** A property that makes something of the true length of its array. */
function lengthOf(lie: (length: number, array: Uint8Array) => unknown): PropertyDescriptorMap {
  return {
    length: {
      get(this: Uint8Array) {
        return lie(trueLength.call(this), this);
      },
    },
  };
}

/** Properties that differ from the memory of their array. */
const LIES: Readonly<Record<string, PropertyDescriptorMap>> = {
  'a length that is too large': { length: { value: 5_000_000 } },
  'a length that is too small': { length: { value: 3 } },
  'a length that grows by each look': { length: { get: () => (looks += 1_000) } },
  'a length of none': { length: { value: 0 } },
  'a length that is true at every second look': lengthOf((length) => ((looks += 1) % 2 === 0 ? length : 39_000)),
  'a length that is true at two of three looks': lengthOf((length) => ((looks += 1) % 3 > 0 ? length : -64)),
  'a length that is true at two looks, and smaller after that': lengthOf((length, array) =>
    looksAt(array) > 2 ? 3 : length,
  ),
  'a length that is no number at some looks': lengthOf((length) => ((looks += 1) % 3 > 0 ? length : Number.NaN)),
  'a length with 4 GiB more': lengthOf((length) => length + 2 ** 32),
  'a length with 4 GiB less': lengthOf((length) => length - 2 ** 32),
  'a length that is a text': lengthOf(String),
  'another byteLength and byteOffset': { byteLength: { value: 7 }, byteOffset: { value: 5 } },
  'another buffer': { buffer: { value: NOT_THE_BYTES.buffer } },
  'another constructor': { constructor: { value: Float64Array } },
  'its own subarray, slice and set': Object.fromEntries(
    ['subarray', 'slice', 'set'].map((name) => [name, { value: () => NOT_THE_BYTES }]),
  ),
  'getters that throw': Object.fromEntries(
    ['length', 'byteLength', 'byteOffset', 'buffer', 'constructor', 'subarray'].map((name) => [name, { get: fail }]),
  ),
};

/** Contract, DELIVERY: only the memory of an array counts, with any class and any properties. */
export function describeOddArrays(context: ChapterContext): void {
  describe('arrays that lie', () => {
    for (const [what, properties] of Object.entries(LIES)) {
      it(
        `[DELIVERY-5] sends the bytes that an array has, where it has ${what}`,
        scoped(async (scope) => {
          const liar = class extends Uint8Array {};
          Object.defineProperties(liar.prototype, properties);
          await expectDelivery(context, scope, (bytes) => [
            Object.setPrototypeOf(bytes.slice(), liar.prototype) as Uint8Array,
            Object.defineProperties(bytes.slice(), properties),
            Object.defineProperties(PlatformBuffer?.from(bytes) ?? bytes.slice(), properties),
          ]);
        }),
      );
    }

    it(
      '[DELIVERY-5] sends arrays of another realm, over memory that can grow and over shared memory',
      scoped(async (scope) => {
        // A page imports this module, too, and has no `node:vm`.
        const { runInNewContext } = await import('node:vm');
        const foreign = runInNewContext('(length) => new Uint8Array(length)') as (length: number) => Uint8Array;
        await expectDelivery(context, scope, (bytes) => {
          const growing = new Resizable(bytes.length, { maxByteLength: bytes.length + 10 });
          const odd = [
            foreign(bytes.length),
            Object.setPrototypeOf(
              foreign(bytes.length),
              (PlatformBuffer ?? Uint8Array).prototype as object,
            ) as Uint8Array,
            new Uint8Array(growing),
            new Uint8Array(new SharedArrayBuffer(bytes.length)),
          ];
          for (const each of odd) each.set(bytes);
          return odd;
        });
      }),
    );

    it(
      '[ERROR-2] throws a TypeError for what only looks like an array of bytes, and goes on',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope);
        const bytes = messageOf(20, 1);
        const likes = [
          new Proxy(bytes, {}),
          new Proxy(bytes, { get: fail, getPrototypeOf: fail }),
          Object.create(Uint8Array.prototype),
          Object.setPrototypeOf(new Float32Array(5), Uint8Array.prototype),
          Object.defineProperty(Object.setPrototypeOf(new Float32Array(5), Uint8Array.prototype), 'length', {
            value: 20,
          }),
          Object.setPrototypeOf(new DataView(new ArrayBuffer(5)), Uint8Array.prototype),
          { length: 5, byteLength: 5, [Symbol.toStringTag]: 'Uint8Array' },
        ] as Uint8Array[];
        for (const like of likes) {
          for (const act of [
            () => void near.send(like),
            () => near.trySend(like),
            () => near.trySendBatch([bytes, like]),
          ]) {
            expect(act).to.throw(TypeError, /^a message is a Uint8Array/);
          }
        }
        unwrap(near.trySend(bytes));
        const received: Uint8Array[] = [];
        far.setMessageCallback((data) => received.push(data));
        await until(() => received.length > 0, 'the message arrived');
        expect(received).to.deep.equal([bytes]);
      }),
    );
  });
}

/** Sends each array in every way, and compares the received messages. */
async function expectDelivery(
  context: ChapterContext,
  scope: Parameters<Parameters<typeof scoped>[0]>[0],
  oddOnesOf: (bytes: Uint8Array) => readonly Uint8Array[],
): Promise<void> {
  const { near, far } = await openPair(context, scope, SMALL_LIMITS);
  let wrong = 0;
  let received = 0;
  for (const length of LENGTHS) {
    const bytes = messageOf(length, length);
    for (const odd of oddOnesOf(bytes)) {
      far.setMessageCallback((data) => {
        received += 1;
        if (!areEqual(data, bytes) || data.constructor !== Uint8Array) wrong += 1;
      });
      const before = received;
      unwrap(await near.send(odd));
      await until(() => received === before + 1, 'send() delivered');
      await until(() => near.trySend(odd).ok, 'trySend() found room');
      await until(() => received === before + 2, 'trySend() delivered');
      await until(() => near.trySendBatch([odd]).ok, 'trySendBatch() found room');
      await until(() => received === before + 3, 'trySendBatch() delivered');
      expect([wrong, near.getStats().bytesSent]).to.deep.equal([0, far.getStats().bytesReceived]);
    }
  }
}

function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

function fail(): never {
  throw new Error('the property of an array was asked');
}

type Resizable = ArrayBuffer & { resize(length: number): void };
const Resizable = ArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => Resizable;
