import { failureOf } from '@entropynet/conformance/tools';
import type { Codec } from '@entropynet/messaging';
import { decodeReply, decodeWith, encodeWith } from '@entropynet/messaging/internal/codec';
import { unhandledDuring } from '@entropynet/test/support/unhandled';
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

  for (const [what, schema] of [
    ['with a schema', { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } }],
    ['without a schema', undefined],
  ] as const) {
    it(`is InvalidMessage for a decode() that returns a promise, whose rejection ends no process, ${what}`, async () => {
      const codec: Codec = { name: 'late', encode: boom, decode: () => Promise.reject(new Error('boom')) };
      const unhandled = await unhandledDuring(async () => {
        for (const decode of [decodeWith, decodeReply]) {
          const decoded = failureOf(await decode(codec, schema, new Uint8Array(3)), 'InvalidMessage');
          expect(decoded.message).to.include('its decode() returned a Promise');
        }
        // A reply without bytes means undefined for a codec that can't decode them.
        expect(await decodeReply(codec, schema, new Uint8Array(0))).to.deep.equal({ ok: true, value: undefined });
      });
      expect(unhandled).to.deep.equal([]);
    });
  }
});
