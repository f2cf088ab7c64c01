import { StreamPause } from '@entropynet/transport-shm/internal/wait/stream-pause';
import { expect } from 'chai';

/** The lengths of the pauses after so many passes of that size. */
function pausesAfter(pause: StreamPause, passes: number, pieces: number): number[] {
  return Array.from({ length: passes }, () => {
    pause.afterPass(pieces, false);
    return pause.steps;
  });
}

describe('the pause of a receiver that is faster than its stream', () => {
  it('begins after sixteen short passes in a row, and grows to some microseconds', () => {
    const pause = new StreamPause();
    expect(pausesAfter(pause, 15, 1)).to.deep.equal(new Array<number>(15).fill(0));
    pause.afterPass(32, false);
    expect(pausesAfter(pause, 15, 31)).to.deep.equal(new Array<number>(15).fill(0));
    expect(pausesAfter(pause, 9, 31)).to.deep.equal([128, 256, 512, 1024, 2048, 4096, 8192, 8192, 8192]);
  });

  it('stays as it is while passes are long enough, and shrinks while they are longer', () => {
    const pause = new StreamPause();
    pausesAfter(pause, 18, 1);
    expect(pausesAfter(pause, 2, 63)).to.deep.equal([512, 512]);
    expect(pausesAfter(pause, 3, 64)).to.deep.equal([256, 128, 0]);
    expect(pausesAfter(pause, 15, 1)).to.deep.equal(new Array<number>(15).fill(0));
  });

  it('is over at once when this side answers, or when there is nothing to read', () => {
    for (const end of [(pause: StreamPause) => pause.afterPass(1, true), (pause: StreamPause) => pause.end()]) {
      const pause = new StreamPause();
      pausesAfter(pause, 20, 1);
      end(pause);
      expect(pause.steps).to.equal(0);
      expect(pausesAfter(pause, 16, 1).at(-1)).to.equal(128);
    }
  });

  it('waits, and keeps its length', () => {
    const pause = new StreamPause();
    pausesAfter(pause, 20, 1);
    expect(pause.wait()).to.equal(2048);
    expect(pause.steps).to.equal(2048);
  });
});
