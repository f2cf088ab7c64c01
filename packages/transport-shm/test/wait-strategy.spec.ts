import { WaitStrategy } from '@entropynet/transport-shm/internal/wait/wait-strategy';
import { expect } from 'chai';

/** A strategy that has just given up polling. */
function givenUp(): WaitStrategy {
  const strategy = new WaitStrategy('adaptive');
  strategy.paidOff();
  for (let miss = 0; miss < 4; miss += 1) {
    expect(strategy.wantsAnswer()).to.equal(true);
    strategy.missed();
  }
  return strategy;
}

/** The number of calls until one returns true. */
function callsUntil(isWanted: () => boolean): number {
  for (let calls = 1; calls <= 1000; calls += 1) if (isWanted()) return calls;
  throw new Error('never');
}

describe('the decision whether to poll', () => {
  it('tries again at a frame that this side sends, more rarely after each window in vain', () => {
    const strategy = givenUp();
    const pauses = [];
    for (let tries = 0; tries < 7; tries += 1) {
      pauses.push(callsUntil(() => strategy.wantsAnswer()));
      expect(strategy.wantsPoll()).to.equal(true);
      strategy.missed();
    }
    expect(pauses).to.deep.equal([4, 4, 8, 16, 32, 64, 64]);
  });

  it('does not poll for the first answers of a new peer', () => {
    const strategy = new WaitStrategy('adaptive');
    expect(callsUntil(() => strategy.wantsAnswer())).to.equal(4);
  });

  it('polls for each answer again once a window has brought one', () => {
    const strategy = givenUp();
    callsUntil(() => strategy.wantsAnswer());
    strategy.paidOff();
    expect([strategy.wantsAnswer(), strategy.wantsPoll()]).to.deep.equal([true, true]);
  });

  it('counts frames that this side sends apart from messages, so that neither makes the other poll more often', () => {
    const strategy = givenUp();
    for (let message = 0; message < 3; message += 1) expect(strategy.wantsPoll()).to.equal(false);
    for (let frame = 0; frame < 3; frame += 1) expect(strategy.wantsAnswer()).to.equal(false);
    expect(strategy.wantsPoll()).to.equal(true);
  });

  it('never polls for an answer if it always sleeps', () => {
    expect(new WaitStrategy('sleep').wantsAnswer()).to.equal(false);
  });
});
