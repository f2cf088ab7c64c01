import { HeapWeight, type HeapSizes } from '@entropynet/core/internal/platform/heap-weight';
import { expect } from 'chai';

const MIB = 1024 * 1024;
const LIGHT: HeapSizes = { used_heap_size: 10 * MIB, heap_size_limit: 2048 * MIB };

/** A weight on a heap of these sizes, and the function that lets its interval pass. */
function weightOn(sizes: HeapSizes | undefined): { readonly weight: HeapWeight; readonly pass: () => void } {
  const waiting: (() => void)[] = [];
  const weight = new HeapWeight({
    sizes: () => sizes,
    later: (callback) => {
      waiting.push(callback);
    },
  });
  return {
    weight,
    pass: () => {
      expect(waiting).to.have.length(1);
      waiting.shift()?.();
    },
  };
}

describe('the weight of the heap', () => {
  it('is there while many bytes come, and goes after an interval with few', () => {
    const { weight, pass } = weightOn(LIGHT);
    expect(weight.isHeld).to.equal(false);
    weight.need(16 * MIB);
    expect(weight.isHeld).to.equal(false);
    weight.need(16 * MIB);
    expect(weight.isHeld).to.equal(true);
    weight.need(32 * MIB);
    pass();
    expect(weight.isHeld).to.equal(true);
    weight.need(1 * MIB);
    pass();
    expect(weight.isHeld).to.equal(false);
    weight.need(31 * MIB);
    expect(weight.isHeld).to.equal(true);
  });

  for (const [what, sizes] of [
    ['a heap that is heavy already', { ...LIGHT, used_heap_size: 40 * MIB }],
    ['a heap that may not grow', { ...LIGHT, heap_size_limit: 64 * MIB }],
    ['a runtime that tells no sizes', undefined],
  ] as const) {
    it(`is left out in ${what}, and considered again after an interval with few bytes`, () => {
      const { weight, pass } = weightOn(sizes);
      weight.need(32 * MIB);
      expect(weight.isHeld).to.equal(false);
      pass();
      weight.need(32 * MIB);
      pass();
    });
  }

  it('comes with a later message if there was no memory for it first', () => {
    for (const part of ['sizes', 'later'] as const) {
      let isShort = true;
      const give = (): HeapSizes => {
        if (isShort) throw new RangeError('no memory');
        return LIGHT;
      };
      const weight = new HeapWeight({
        sizes: () => (part === 'sizes' ? give() : LIGHT),
        later: () => {
          if (part === 'later') give();
        },
      });
      expect(() => {
        weight.need(32 * MIB);
      }).to.throw('no memory');
      isShort = false;
      weight.need(32 * MIB);
      expect(weight.isHeld).to.equal(true);
      isShort = true;
      weight.need(32 * MIB);
    }
  });
});
