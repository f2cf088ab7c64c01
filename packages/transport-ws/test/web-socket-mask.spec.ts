import { expect } from 'chai';
import fc from 'fast-check';
import { applyMask } from '@entropynet/transport-ws/internal/node/message-envelope';
import { pattern } from './frame-reader-bench.js';

describe('the mask of a WebSocket message', () => {
  it('is applied and removed correctly, at any position of the bytes', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 300 }),
        fc.nat({ max: 9 }),
        fc.nat({ max: 5 }),
        fc.integer(),
        (bytes, start, after, key) => {
          const memory = Buffer.from(pattern(start + bytes + after));
          const wanted = Buffer.from(memory);
          for (let index = 0; index < bytes; index += 1) wanted[start + index]! ^= (key >>> ((index & 3) * 8)) & 0xff;
          const masked = Buffer.from(memory);
          applyMask(masked, start, start + bytes, key);
          expect(masked.equals(wanted)).to.equal(true);
          applyMask(masked, start, start + bytes, key);
          expect(masked.equals(memory)).to.equal(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});
