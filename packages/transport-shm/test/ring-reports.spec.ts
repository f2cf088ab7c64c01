import { expect } from 'chai';
import { RingHarness } from './ring-harness.js';

const CAPACITY = 1024;
const FRAME = new Uint8Array(120);

describe('a report of the next frame', () => {
  it('comes once, with the frame, and not before it', () => {
    const ring = new RingHarness(CAPACITY);
    expect(ring.write(1, FRAME)).to.equal(true);
    ring.writer.reportNextFrame();
    expect(ring.reported).to.equal(0);
    for (let frame = 0; frame < 3; frame += 1) expect(ring.write(2, FRAME)).to.equal(true);
    expect(ring.reported).to.equal(1);
    expect(ring.drain(10)).to.equal(4);
  });

  it('comes with a claim that was made before it was asked for', () => {
    const ring = new RingHarness(CAPACITY);
    ring.writer.tryClaim(8);
    ring.writer.reportNextFrame();
    expect(ring.reported).to.equal(0);
    ring.writer.commitClaim(7);
    expect(ring.reported).to.equal(1);
    // The room is counted anew, and the frames stay whole.
    let written = 0;
    while (ring.write(8, FRAME)) written += 1;
    expect(written).to.equal(7);
    expect(ring.drain(10)).to.equal(8);
    expect(ring.received.map(({ header, bytes }) => [header, bytes.length])).to.deep.equal([
      [7, 8],
      ...Array.from({ length: 7 }, () => [8, 120]),
    ]);
    expect(ring.reported).to.equal(1);
  });

  it('comes with the first frame that finds room, if the ring was full', () => {
    const ring = new RingHarness(CAPACITY);
    while (ring.write(1, FRAME));
    ring.writer.reportNextFrame();
    expect(ring.write(2, FRAME)).to.equal(false);
    expect(ring.reported).to.equal(0);
    ring.drain(10);
    expect(ring.write(2, FRAME)).to.equal(true);
    expect(ring.reported).to.equal(1);
  });

  it('never comes from a closed writer', () => {
    const ring = new RingHarness(CAPACITY);
    ring.writer.tryClaim(8);
    ring.writer.reportNextFrame();
    ring.writer.close();
    ring.writer.commitClaim(7);
    expect(ring.write(1, FRAME)).to.equal(false);
    expect(ring.reported).to.equal(0);
  });
});
