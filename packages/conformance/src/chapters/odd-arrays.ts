import { type NetworkConnection, type Result, type SendClaim, unwrap } from '@entropynet/core';
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

/** What a getter of an array does: it may leave a claim under way. */
const ACTS: Readonly<Record<string, (near: NetworkConnection, expected: Uint8Array[]) => SendClaim | undefined>> = {
  'sends another message': (near, expected) => {
    expected.push(messageOf(20, 9));
    unwrap(near.trySend(messageOf(20, 9)));
    return undefined;
  },
  'sends a batch': (near, expected) => {
    expected.push(messageOf(20, 9), messageOf(21, 9));
    expect(unwrap(near.trySendBatch([messageOf(20, 9), messageOf(21, 9)]))).to.equal(2);
    return undefined;
  },
  'claims room': (near) => {
    const claim = unwrap(near.claim(30));
    claim.bytes.set(messageOf(30, 0));
    return claim;
  },
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

    for (const [what, act] of Object.entries(ACTS)) {
      it(
        `[DELIVERY-5] sends whole messages, where reading the length of an array ${what}`,
        scoped(async (scope) => {
          const { near, far } = await openPair(context, scope, SMALL_LIMITS);
          const expected: Uint8Array[] = [];
          const received: Uint8Array[] = [];
          far.setMessageCallback((data) => received.push(data));
          for (const send of [
            (data: Uint8Array) => near.trySend(data),
            (data: Uint8Array) => near.trySendBatch([data]),
          ]) {
            for (let look = 1; look <= 4; look += 1) {
              const own = messageOf(40, look);
              let count = 0;
              let claim: SendClaim | undefined;
              const odd = Object.defineProperty(own.slice(), 'length', {
                get: () => {
                  count += 1;
                  if (count === look) claim = act(near, expected);
                  return own.length;
                },
              });
              const sent = send(odd);
              // A claim blocks the connection.
              expect(sent.ok).to.equal(claim === undefined);
              if (claim === undefined) expected.push(own);
              else {
                unwrap(claim.commit());
                expected.push(messageOf(30, 0));
              }
            }
          }
          await until(() => received.length >= expected.length, 'the messages arrived');
          expect(received).to.deep.equal(expected);
          expect(far.getStats().bytesReceived).to.equal(near.getStats().bytesSent);
        }),
      );
    }

    it(
      '[DELIVERY-7] sends a claim whose array lies after it was filled, and uses its memory again',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope, SMALL_LIMITS);
        const received: Uint8Array[] = [];
        far.setMessageCallback((data) => received.push(data));
        const expected: Uint8Array[] = [];
        for (const length of LENGTHS) {
          for (const properties of Object.values(LIES)) {
            const bytes = messageOf(length, expected.length);
            let claim: Result<SendClaim> | undefined;
            await until(() => (claim = near.claim(length)).ok, 'there is room for a claim');
            const { value } = claim as { value: SendClaim };
            value.bytes.set(bytes);
            Object.defineProperties(value.bytes, properties);
            unwrap(value.commit());
            expected.push(bytes);
          }
        }
        await until(() => received.length === expected.length, 'the messages arrived');
        expect(received.every((data, index) => areEqual(data, expected[index]!))).to.equal(true);
      }),
    );

    it(
      '[OWNERSHIP-2] goes on when a program hides the properties of the arrays that it writes and reads in place',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope, SMALL_LIMITS);
        const received: Uint8Array[] = [];
        far.setMessageCallback(
          (bytes, start, end) => {
            received.push(Uint8Array.from({ length: end - start }, (_, index) => bytes[start + index]!));
            hideProperties(bytes);
          },
          { ownership: 'in-place' },
        );
        const expected = [40, 100_000, 40, 100_000, 100_000, 40].map(messageOf);
        for (const message of expected) {
          await until(
            () =>
              near.trySendWith(message.length, (bytes, start) => {
                Uint8Array.prototype.set.call(bytes, message, start);
                hideProperties(bytes);
              }).ok,
            'there is room for a message in place',
          );
        }
        await until(() => received.length === expected.length, 'the messages arrived');
        expect(received.every((data, index) => areEqual(data, expected[index]!))).to.equal(true);
      }),
    );

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

function hideProperties(bytes: Uint8Array): void {
  for (const key of ['length', 'byteLength', 'byteOffset', 'buffer', 'constructor', 'subarray', 'slice', 'set']) {
    Object.defineProperty(bytes, key, { get: fail, configurable: true });
  }
}

function fail(): never {
  throw new Error('the property of an array was asked');
}

type Resizable = ArrayBuffer & { resize(length: number): void };
const Resizable = ArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => Resizable;
