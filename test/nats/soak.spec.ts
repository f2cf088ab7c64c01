import { expect } from 'chai';
import { SessionPairs } from '../soak/session-pairs.js';
import { soakOverNats } from '../soak/nats-soak.js';
import { describeNats } from '../support/nats/describe-nats.js';

/** Two sides' ends of one session. */
const FIRST = { self: 1, peer: 2, hasFailed: true, saidGoodbye: false, sent: 10, received: 5, unconfirmed: 4 };
const SECOND = { self: 2, peer: 1, hasFailed: true, saidGoodbye: false, sent: 5, received: 7, unconfirmed: 0 };

function complaintsOf(
  ...ends: readonly (typeof FIRST | (Omit<typeof FIRST, 'peer'> & { peer: undefined }))[]
): string[] {
  const complaints: string[] = [];
  const pairs = new SessionPairs((complaint) => complaints.push(complaint));
  for (const end of ends) pairs.add(end);
  pairs.finish();
  return complaints;
}

describe('the comparison of both sides of a session', () => {
  it('finds a loss that its sender does not know of', () => {
    expect(complaintsOf(FIRST, SECOND)).to.deep.equal([]);
    expect(complaintsOf(SECOND, { ...FIRST, unconfirmed: 2 })).to.deep.equal([
      '3 of 10 messages were lost, and their sender knew of 2',
    ]);
  });

  it('finds a loss in front of a goodbye that was heard', () => {
    const one = { ...FIRST, hasFailed: false, saidGoodbye: true };
    const other = { ...SECOND, hasFailed: false };
    expect(complaintsOf(one, other)).to.deep.equal(['3 of 10 messages were lost in front of a goodbye']);
    expect(complaintsOf({ ...one, hasFailed: true }, { ...other, hasFailed: true })).to.deep.equal([]);
    // The side that left takes nothing more.
    expect(complaintsOf({ ...FIRST, hasFailed: false }, { ...other, saidGoodbye: true })).to.deep.equal([]);
  });

  it('brings sides together of which one heard nothing, and judges the lonely', () => {
    const deaf = { ...FIRST, peer: undefined, received: 0, sent: 7 };
    expect(complaintsOf(deaf, { ...SECOND, sent: 3, unconfirmed: 3 })).to.deep.equal([]);
    expect(complaintsOf({ ...deaf, unconfirmed: 6 })).to.deep.equal([
      '7 of 7 messages were lost, and their sender knew of 6',
    ]);
    expect(complaintsOf(SECOND)).to.deep.equal(['a session that received 7 messages has no other side']);
  });
});

describeNats('NATS: traffic while the NATS server dies again and again', () => {
  it('loses nothing unnoticed, doubles nothing and leaves nothing', async function () {
    this.timeout(240_000);
    const { complaints, matched, received } = await soakOverNats({ seed: 22, restarts: 3, restartMs: 1500 });
    expect(complaints).to.deep.equal([]);
    expect(matched).to.be.above(0);
    expect(received).to.be.above(0);
  });
});
