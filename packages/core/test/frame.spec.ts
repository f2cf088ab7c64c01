import { expect } from 'chai';
import { decodeUint32, encodeUint32 } from '@entropynet/core/internal/wire/frame';

describe('numbers in frames', () => {
  it('are four bytes, the lowest first, up to the largest', () => {
    for (const [value, bytes] of [
      [0, [0, 0, 0, 0]],
      [0x01_02_03_04, [4, 3, 2, 1]],
      [0x8000_0000, [0, 0, 0, 0x80]],
      [0xffff_ffff, [0xff, 0xff, 0xff, 0xff]],
    ] as const) {
      const encoded = encodeUint32(value);
      expect([...encoded]).to.deep.equal(bytes);
      expect(decodeUint32(Uint8Array.of(7, ...encoded, 7), 1)).to.equal(value);
    }
  });
});
