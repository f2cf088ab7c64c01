import { expect } from 'chai';
import fc from 'fast-check';
import { FRAME_HEADER_BYTES, PADDING_LENGTH } from '@entropynet/transport-shm/internal/region/layout';
import { HEAD, RingHarness, START, TAIL } from './ring-harness.js';

const CAPACITY = 1024;
const payload = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_unused, index) => (length + index) & 0xff);

describe('a ring whose peer is hostile', () => {
  const frameAt = START >> 2;

  for (const [what, tail] of [
    ['beyond the capacity', CAPACITY + 8],
    ['before the head', -8],
    ['misaligned', 12],
    ['far away', 0x7fff_fff8],
  ] as const) {
    it(`stops at a tail that is ${what}`, () => {
      const ring = new RingHarness(CAPACITY);
      Atomics.store(ring.words, TAIL, tail);
      expect(ring.drain(10)).to.equal(0);
      expect(ring.corruptions).to.have.length(1);
    });
  }

  it('stops at a tail that goes backwards', () => {
    const ring = new RingHarness(CAPACITY);
    for (let count = 0; count < 4; count += 1) ring.write(count, payload(8));
    ring.drain(1);
    Atomics.store(ring.words, TAIL, 32);
    ring.drain(10);
    expect(ring.corruptions).to.have.length(1);
    expect(ring.received).to.have.length(1);
  });

  for (const [what, head] of [
    ['beyond the tail', 8 * 200],
    ['behind what it was', -8],
    ['misaligned', 4],
  ] as const) {
    it(`stops writing at a head that is ${what}`, () => {
      const ring = new RingHarness(CAPACITY);
      while (ring.write(0, payload(56)) && (ring.words[TAIL] as number) < 512);
      Atomics.store(ring.words, HEAD, head);
      let written = 0;
      while (ring.write(0, payload(56))) written += 1;
      expect(written).to.be.at.most(CAPACITY / 64);
      expect(ring.corruptions).to.have.length(1);
    });
  }

  for (const length of [1000, CAPACITY, CAPACITY + 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 17]) {
    it(`stops at a frame length of ${length} although only 16 bytes were written`, () => {
      const ring = new RingHarness(CAPACITY);
      ring.words[frameAt] = length;
      Atomics.store(ring.words, TAIL, 24);
      expect(ring.drain(10)).to.equal(0);
      expect(ring.corruptions).to.have.length(1);
    });
  }

  it('stops at a frame that crosses the end of the ring', () => {
    const ring = new RingHarness(CAPACITY);
    for (let count = 0; count < 15; count += 1) ring.write(count, payload(56));
    expect(ring.drain(15)).to.equal(15);
    ring.words[(START + 15 * 64) >> 2] = 100;
    Atomics.store(ring.words, TAIL, 17 * 64);
    expect(ring.drain(10)).to.equal(0);
    expect(ring.received).to.have.length(15);
    expect(ring.corruptions).to.have.length(1);
  });

  it('stops at padding beyond the written bytes', () => {
    const ring = new RingHarness(CAPACITY);
    ring.words[frameAt] = PADDING_LENGTH;
    Atomics.store(ring.words, TAIL, 24);
    ring.drain(10);
    expect(ring.corruptions).to.have.length(1);
  });

  it('stays inside the ring and ends, for any values', () => {
    const word = fc.oneof(fc.integer({ min: -64, max: 2 * CAPACITY }), fc.integer());
    const edit = fc.record({ index: fc.integer({ min: 0, max: (START + CAPACITY) / 4 - 1 }), value: word });
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 40 }), fc.array(edit, { maxLength: 10 }), (before, between) => {
        const ring = new RingHarness(CAPACITY);
        for (let count = 0; count < 10; count += 1) ring.write(count, payload(count * 7));
        for (const { index, value } of before) ring.words[index] = value;
        ring.onFrame = () => {
          for (const { index, value } of between) ring.words[index] = value;
        };
        for (let round = 0; round < 10; round += 1) {
          ring.drain(100);
          ring.write(round, payload(round));
          ring.writer.checkUnblocked();
        }
        for (const { bytes } of ring.received) expect(bytes.length).to.be.at.most(CAPACITY - FRAME_HEADER_BYTES);
        // A frame has at least eight bytes, so that even a lying tail can't make more of them than there is room.
        expect(ring.received.length).to.be.at.most((10 * CAPACITY) / FRAME_HEADER_BYTES + 20);
      }),
      { numRuns: 500 },
    );
  });
});
