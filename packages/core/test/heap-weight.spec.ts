import { spawnSync } from 'node:child_process';
import { HeapWeight, type HeapSizes } from '@entropynet/core/internal/platform/heap-weight';
import { expect } from 'chai';

const MIB = 1024 * 1024;
const LIGHT: HeapSizes = { old: 10 * MIB, limit: 2048 * MIB };

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
    ['a heap that is heavy already', { ...LIGHT, old: 40 * MIB }],
    ['a heap that may not grow', { ...LIGHT, limit: 64 * MIB }],
    ['a runtime that tells no sizes', undefined],
  ] as const) {
    it(`is left out in ${what}`, () => {
      const { weight } = weightOn(sizes);
      weight.need(32 * MIB);
      expect(weight.isHeld).to.equal(false);
    });
  }

  it('comes with the next many bytes if the heap became light meanwhile', () => {
    const sizes = { ...LIGHT, old: 40 * MIB };
    const { weight } = weightOn(sizes);
    weight.need(32 * MIB);
    sizes.old = 10 * MIB;
    weight.need(31 * MIB);
    expect(weight.isHeld).to.equal(false);
    weight.need(1 * MIB);
    expect(weight.isHeld).to.equal(true);
  });

  it('is needed by a process whose young objects are many, and its old ones few', () => {
    const program = `
      import { heapWeight } from '@entropynet/core/internal/platform/heap-weight';
      // Less than the young generation can hold, and more than a heavy heap.
      const young = Array.from({ length: 36 }, () => new Array(131_072).fill(0.5));
      heapWeight.need(${String(32 * MIB)});
      console.log(heapWeight.isHeld, young.length);
    `;
    const options = [
      '--conditions=entropynet-internal',
      '--max-semi-space-size=64',
      '--min-semi-space-size=64',
      '--input-type=module',
      '--eval',
      program,
    ];
    const { stdout, stderr } = spawnSync(process.execPath, options, { cwd: import.meta.dirname, encoding: 'utf8' });
    expect(stderr + stdout).to.equal('true 36\n');
  });

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
