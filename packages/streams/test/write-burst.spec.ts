import { WriteBurst } from '@entropynet/streams/internal/write-burst';
import { expect } from 'chai';

describe('the burst of writes of a stream', () => {
  let burst: WriteBurst;
  let called: number[];

  beforeEach(() => {
    burst = new WriteBurst();
    called = [];
  });

  function take(count: number): void {
    for (let index = 0; index < count; index += 1) burst.taken(() => called.push(index));
  }

  it('calls the callbacks of the first writes of a turn at once', () => {
    take(16);
    expect(called).to.have.length(16);
  });

  it('calls the next callback at the end of the turn, before promises continue', async () => {
    take(17);
    expect(called).to.have.length(16);
    await new Promise((resolve) => {
      process.nextTick(resolve);
    });
    expect(called).to.have.length(17);
  });

  it('begins anew with each turn', async () => {
    take(17);
    await new Promise((resolve) => {
      process.nextTick(resolve);
    });
    take(16);
    expect(called).to.have.length(33);
  });

  it('calls back at once if the stream ends', () => {
    take(17);
    burst.release();
    expect(called).to.have.length(17);
    burst.release();
    expect(called).to.have.length(17);
  });
});
