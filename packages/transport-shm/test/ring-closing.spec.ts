import { expect } from 'chai';
import { HEAD, RingHarness, TAIL } from './ring-harness.js';

const CAPACITY = 1024;
const FRAME = new Uint8Array(120);

describe('a ring that closes', () => {
  it('takes no frame once an event of the look for room has closed it', () => {
    let isClosing = false;
    const ring = new RingHarness(CAPACITY, () => {
      if (isClosing) ring.writer.close();
    });
    while (ring.writer.written < CAPACITY) expect(ring.write(1, FRAME)).to.equal(true);
    // The consumer has read everything, so there is room.
    ring.words[HEAD] = CAPACITY;
    isClosing = true;
    expect(ring.write(2, FRAME)).to.equal(false);
    expect(ring.words[TAIL]).to.equal(CAPACITY);
  });
});
