import { loadSubject } from '@entropynet/benchmarks/internal/subjects/load-subject';
import { Session } from '@entropynet/benchmarks/internal/session';
import { expect } from 'chai';
import { leaveOut } from '@entropynet/test/support/leave-out';

describe('a peer in another language', function () {
  // The first run compiles the C library.
  this.timeout(180_000);

  for (const name of ['EntropyNet shm Node.js to C++', 'EntropyNet shm Node.js to Python']) {
    it(`plays the workloads: ${name}`, async function () {
      const subject = await loadSubject(name);
      const reason = await subject.unavailable?.('');
      if (reason !== undefined) leaveOut(this, `${name}: ${reason}`);
      const session = await Session.open(subject);
      try {
        expect(await session.roundTrips(200)).to.have.length(200);
        // It throws if a message was lost or damaged.
        expect(await session.oneWay(20_000)).to.be.above(0);
        expect(await session.oneWay(3, 5_000_000)).to.be.above(0);
        expect(await session.pipelined(1000, 64)).to.be.above(0);
      } finally {
        await session.close();
      }
    });
  }
});
