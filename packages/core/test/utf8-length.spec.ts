import { utf8Length } from '@entropynet/core/internal/result/utf8-length';
import { expect } from 'chai';
import fc from 'fast-check';

describe('the length of a text in UTF-8', () => {
  it('is that of its encoding, also with lone surrogates', () => {
    const encoder = new TextEncoder();
    const unit = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd7ff, max: 0xe000 }));
    fc.assert(
      fc.property(fc.array(unit), (units) => {
        const text = String.fromCharCode(...units);
        expect(utf8Length(text)).to.equal(encoder.encode(text).length);
      }),
    );
  });
});
