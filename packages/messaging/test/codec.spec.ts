import { failureOf } from '@entropynet/conformance/tools';
import type { Codec } from '@entropynet/messaging';
import { decodeWith, encodeWith } from '@entropynet/messaging/internal/codec';
import { expect } from 'chai';

function boom(): never {
  throw new Error('boom');
}

/** A codec that can do nothing, with any value as its name. */
function brokenCodec(name: PropertyDescriptor): Codec {
  return Object.defineProperty<Codec>({ name: '', encode: boom, decode: boom }, 'name', name);
}

describe('the error of a codec', () => {
  for (const [what, name, shown] of [
    ['a name', { value: 'JSON' }, 'JSON'],
    ['a symbol as its name', { value: Symbol('mine') }, 'Symbol(mine)'],
    ['a name that throws', { get: boom }, 'a value of its codec'],
  ] as const) {
    it(`is InvalidMessage for a codec with ${what}`, async () => {
      const codec = brokenCodec(name);
      const encoded = failureOf(encodeWith(codec, 1), 'InvalidMessage');
      expect(encoded.message).to.equal(`the value can't be sent as ${shown}: boom`);
      const decoded = failureOf(await decodeWith(codec, undefined, new Uint8Array(3)), 'InvalidMessage');
      expect(decoded.message).to.equal(`3 bytes are not ${shown}: boom`);
    });
  }
});
