import { turns, until } from '@entropynet/conformance/tools';
import { expect } from 'chai';
import { LinkHarness } from './link-harness.js';

describe('a link that sleeps', () => {
  it('delivers the frames that its doorbell announced', async () => {
    const harness = new LinkHarness();
    harness.link.startReceiving();
    await turns(3);
    harness.write(1);
    expect(harness.rings).to.equal(1);
    harness.ringUntilQuiet();
    expect(harness.received).to.deep.equal([1]);
    harness.link.close();
  });

  it('misses no frame whose wake-up it reads together with an older one', async () => {
    const harness = new LinkHarness();
    harness.link.startReceiving();
    await turns(3);
    // The doorbell rings for nothing; the peer writes after this side has gone back to sleep, before the socket is emptied.
    harness.rings = 1;
    harness.onConsume = () => {
      harness.onConsume = () => undefined;
      harness.write(2);
    };
    harness.ringUntilQuiet();
    await turns(3);
    expect(harness.received).to.deep.equal([2]);
    harness.link.close();
  });

  it('declares that it needs room again before its thread blocks, because an old report may have gone to the doorbell', () => {
    const harness = new LinkHarness();
    const { link } = harness;
    link.startReceiving();
    while (link.writer.tryWrite(1, new Uint8Array(1000), 0, 1000));
    expect(harness.needsRoom).to.equal(true);
    harness.turnBackNeed();
    const seen: boolean[] = [];
    harness.onWait = () => {
      seen.push(harness.needsRoom);
      harness.readEverything();
    };
    expect(link.waitForWork(1000)).to.equal(true);
    expect(seen).to.deep.equal([true]);
    link.close();
  });

  it('sends although the system refuses to wake a peer that blocks its thread: only the peer can cause that', () => {
    const harness = new LinkHarness();
    harness.onWakeWord = () => {
      throw Object.assign(new Error('EACCES: permission denied, OpenEvent'), { code: 'EACCES' });
    };
    harness.blockPeer();
    expect(harness.link.writer.tryWrite(1, new Uint8Array(4), 0, 4)).to.equal(true);
    expect(harness.ends).to.deep.equal([]);
    harness.link.close();
  });

  it('wakes when it sends, so that the answer needs no doorbell, until four windows were in vain', async () => {
    const harness = new LinkHarness('adaptive');
    const { link } = harness;
    link.startReceiving();
    await until(() => !harness.isAwake, 'the first window is over');
    link.strategy.paidOff();
    const wakes: boolean[] = [];
    for (let frame = 0; frame < 5; frame += 1) {
      link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
      wakes.push(harness.isAwake);
      await until(() => !harness.isAwake, 'the link sleeps again');
    }
    expect(wakes).to.deep.equal([true, true, true, true, false]);
    link.close();
  });

  it('finds the answer to what it sent without a doorbell', async () => {
    const harness = new LinkHarness('adaptive');
    const { link } = harness;
    link.startReceiving();
    await until(() => !harness.isAwake, 'the first window is over');
    link.strategy.paidOff();
    link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
    harness.write(2);
    await until(() => harness.received.length === 1, 'the answer was delivered');
    expect(harness.rings).to.equal(0);
    link.close();
  });

  it('stays asleep when it sends, if it keeps no process alive: the doorbell is faster than its next turn', async () => {
    const harness = new LinkHarness('adaptive');
    const { link } = harness;
    link.startReceiving();
    await until(() => !harness.isAwake, 'the first window is over');
    link.strategy.paidOff();
    link.isReferenced = false;
    link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
    expect(harness.isAwake).to.equal(false);
    link.close();
  });

  it('stays asleep when it sends, if it never polls', async () => {
    const harness = new LinkHarness();
    const { link } = harness;
    link.startReceiving();
    await until(() => !harness.isAwake, 'the link sleeps');
    link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
    expect(harness.isAwake).to.equal(false);
    link.close();
  });
});
