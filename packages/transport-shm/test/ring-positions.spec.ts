import { expect } from 'chai';
import { RingHarness } from './ring-harness.js';

describe('the positions of a ring', () => {
  it('wrap at 2^32: every frame arrives, and every refused sender gets its report', () => {
    // No power of two, so the positions wrap in the middle of the ring.
    const ring = new RingHarness(2 ** 20 + 24);
    const length = ring.writer.maxFrameBytes - 40;
    let sent = 0;
    let received = 0;
    ring.receive = (header, bytes, start, end) => {
      received += 1;
      expect([header, bytes[start], end - start]).to.deep.equal([received, received % 256, length]);
    };
    for (let wraps = 0, last = 0; wraps < 2;) {
      for (let start = ring.writer.tryClaimAt(length); start >= 0; start = ring.writer.tryClaimAt(length)) {
        sent += 1;
        ring.bytes[start] = sent;
        ring.writer.commitClaim(sent);
      }
      ring.drain(10);
      expect([received, ring.roomReports > 0, ring.writer.checkUnblocked()]).to.deep.equal([sent, true, true]);
      ring.roomReports = 0;
      const position = ring.writer.written >>> 0;
      if (position < last) wraps += 1;
      last = position;
    }
    expect(ring.corruptions).to.deep.equal([]);
  });
});
