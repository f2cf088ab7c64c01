import type { RingWriter } from '@entropynet/transport-shm/internal/ring/ring-writer';
import type { SharedMemoryLink } from '@entropynet/transport-shm/internal/shared-memory-link';
import { stallWatch } from '@entropynet/transport-shm/internal/wait/stall-watch';
import { expect } from 'chai';
import { LinkHarness } from './link-harness.js';

describe('the watch over the peer of a link', () => {
  /** Looks every 250 ms, as the timer does. */
  const look = (link: SharedMemoryLink, fromMs: number, toMs: number): void => {
    for (let nowMs = fromMs; nowMs <= toMs; nowMs += 250) link.checkResponsiveness(nowMs);
  };

  it('counts the time without progress from the arrival of data', () => {
    const harness = new LinkHarness();
    const { link } = harness;
    look(link, 0, 10_000);
    link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
    look(link, 10_250, 11_000);
    expect(harness.responsiveness).to.deep.equal([]);
    look(link, 11_250, 11_250);
    expect(harness.responsiveness).to.deep.equal([false]);
    link.close();
  });

  it('does not blame the peer if this thread was busy before the write', () => {
    const harness = new LinkHarness();
    const { link } = harness;
    look(link, 60_000, 61_000);
    link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
    // The first look comes late, and at a moment at which the peer had no time to read.
    link.checkResponsiveness(64_000);
    expect(harness.responsiveness).to.deep.equal([]);
    link.close();
  });

  it('does not blame the peer if this thread was blocked while data was unread', () => {
    const harness = new LinkHarness();
    const { link } = harness;
    link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
    look(link, 0, 250);
    link.checkResponsiveness(60_000);
    expect(harness.responsiveness).to.deep.equal([]);
    look(link, 60_250, 60_250);
    expect(harness.responsiveness).to.deep.equal([false]);
    link.close();
  });

  it('notices a peer that reads again, and then stops checking until the next write', () => {
    const harness = new LinkHarness();
    const { link } = harness;
    link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
    look(link, 0, 1000);
    harness.readEverything();
    for (const nowMs of [1250, 1500, 9000]) link.checkResponsiveness(nowMs);
    expect(harness.responsiveness).to.deep.equal([false, true]);
    link.close();
  });

  it('is watched again with a claim that a listener of its report made, and that came later', () => {
    const harness = new LinkHarness();
    const { link } = harness;
    link.startReceiving();
    let checks = 0;
    const check = link.checkResponsiveness.bind(link);
    link.checkResponsiveness = (nowMs) => {
      checks += 1;
      return check(nowMs);
    };
    link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
    harness.readEverything();
    harness.onResponsiveness = () => void link.writer.tryClaim(4);
    stallWatch.look();
    stallWatch.look();
    expect(checks).to.equal(1);
    link.writer.commitClaim(1);
    stallWatch.look();
    expect(checks).to.equal(2);
    link.close();
  });

  it('needs no check once the peer has read everything, and needs one after each way of writing', () => {
    const writes: ((writer: RingWriter) => void)[] = [
      (writer) => writer.tryWrite(1, new Uint8Array(4), 0, 4),
      (writer) => {
        writer.beginBatch();
        writer.tryWrite(1, new Uint8Array(4), 0, 4);
        writer.endBatch();
      },
      (writer) => {
        writer.tryClaim(4);
        writer.commitClaim(1);
      },
    ];
    for (const write of writes) {
      const harness = new LinkHarness();
      const { link } = harness;
      link.startReceiving();
      expect(link.checkResponsiveness(0)).to.equal(false);
      write(link.writer);
      expect(link.checkResponsiveness(250)).to.equal(true);
      harness.readEverything();
      expect(link.checkResponsiveness(500)).to.equal(false);
      expect(harness.responsiveness).to.deep.equal([true]);
      link.close();
    }
  });
});
