import { turns, until } from '@entropynet/conformance/tools';
import { ReceiveLoop } from '@entropynet/transport-shm/internal/wait/receive-loop';
import { expect } from 'chai';
import { performance } from 'node:perf_hooks';
import { FakeReceiver } from './fake-receiver.js';

describe('the receive loop', () => {
  it('notes every pass with work and its answers, pauses before the next one, and ends the pause when it sleeps', async () => {
    const heard: string[] = [];
    const loop = new ReceiveLoop({
      steps: 1,
      afterPass: (pieces, hasAnswered) => heard.push(`${pieces} pieces${hasAnswered ? ', answered' : ''}`),
      wait: () => heard.push('pause'),
      end: () => heard.push('end'),
    });
    const receiver = new FakeReceiver();
    receiver.onFrame = () => {
      receiver.answers = receiver.frames === 0;
    };
    receiver.frames = 3;
    // One in each pass, whenever the slice ends.
    const work = receiver.work.bind(receiver);
    receiver.work = () => work(1);
    loop.wake(receiver, true);
    await until(() => heard.includes('end'), 'it sleeps');
    const passes = ['pause', '1 pieces', 'pause', '1 pieces', 'pause', '1 pieces, answered'];
    expect(heard).to.deep.equal([...passes, 'pause', 'end']);
  });

  it('ends the receiver whose work throws, and continues with the others', async () => {
    const loop = new ReceiveLoop();
    const [bad, good] = [new FakeReceiver(), new FakeReceiver()];
    const error = new RangeError('Array buffer allocation failed');
    bad.onFrame = () => {
      throw error;
    };
    [bad.frames, good.frames] = [1, 10];
    loop.wake(bad, false);
    loop.wake(good, false);
    await until(() => good.frames === 0, 'the other has been served');
    expect(bad.failures).to.deep.equal([error]);
    // It is not only that one step: what comes later is delivered too.
    good.frames = 10;
    loop.wake(good, true);
    await until(() => good.delivered === 20, 'the other is served again');
    expect(good.failures).to.deep.equal([]);
  });

  it('ends the receiver that throws while it polls or goes to sleep', async () => {
    const loop = new ReceiveLoop();
    const good = new FakeReceiver();
    const polled = new FakeReceiver('adaptive');
    Object.defineProperty(polled, 'seemsToHaveWork', {
      get: () => {
        throw new TypeError('detached');
      },
    });
    const sleeping = new FakeReceiver();
    sleeping.trySleep = () => {
      throw new TypeError('detached');
    };
    for (const each of [polled, sleeping, good]) loop.wake(each, false);
    await until(() => polled.failures.length === 1 && sleeping.failures.length === 1, 'both have ended');
    good.frames = 1;
    loop.wake(good, true);
    await until(() => good.delivered === 1, 'the other is served');
  });

  it('continues with the others even if the end of one throws', async () => {
    const loop = new ReceiveLoop();
    const [bad, good] = [new FakeReceiver(), new FakeReceiver()];
    bad.onFrame = () => {
      throw new Error('work');
    };
    bad.fail = () => {
      throw new Error('end');
    };
    bad.frames = 1;
    expect(() => {
      loop.wake(bad, true);
    }).to.throw('end');
    good.frames = 1;
    loop.wake(good, true);
    await until(() => good.delivered === 1, 'the other is served');
  });

  it('lets timers run after each callback of a millisecond', async () => {
    const loop = new ReceiveLoop();
    const receiver = new FakeReceiver();
    receiver.frameMs = 1;
    receiver.frames = 200;
    let most = 0;
    let before = 0;
    loop.wake(receiver, false);
    while (receiver.frames > 0) {
      await turns(1);
      most = Math.max(most, receiver.delivered - before);
      before = receiver.delivered;
    }
    // One in a turn; two where the clock had not quite moved a millisecond.
    expect(most).to.be.at.most(2);
  });

  it('serves every receiver in turn, with slow callbacks too', async () => {
    const loop = new ReceiveLoop();
    const all = [new FakeReceiver(), new FakeReceiver(), new FakeReceiver()];
    for (const each of all) {
      each.frameMs = 2;
      each.frames = 1000;
      loop.wake(each, false);
    }
    await until(() => all.every((each) => each.delivered >= 5), 'all have had some turns');
    const counts = all.map((each) => each.delivered);
    for (const each of all) loop.remove(each);
    expect(Math.max(...counts) - Math.min(...counts)).to.be.at.most(1);
  });

  it('keeps serving an unreferenced connection in an idle process', async () => {
    const loop = new ReceiveLoop();
    const receiver = new FakeReceiver();
    receiver.isReferenced = false;
    receiver.frameMs = 0.5;
    receiver.frames = 100;
    // Only the time limit of this test wakes the event loop: an immediate that keeps nothing alive does not.
    const keeper = setTimeout(() => undefined, 600_000);
    await new Promise<void>((resolve) => {
      receiver.onFrame = () => {
        if (receiver.frames === 0) resolve();
      };
      loop.wake(receiver, false);
    });
    clearTimeout(keeper);
  });

  /** Runs a receiver until it let others run that often. Returns how many looks it took before each. */
  async function looksBeforeYields(receiver: FakeReceiver, yields: number, onYield: () => void): Promise<number[]> {
    const looks: number[] = [];
    let count = 0;
    Object.defineProperty(receiver, 'seemsToHaveWork', {
      get: () => {
        count += 1;
        return receiver.frames > 0;
      },
    });
    const loop = new ReceiveLoop(undefined, () => {
      looks.push(count);
      onYield();
      // The look for what came meanwhile is not one of the window.
      count = -1;
    });
    loop.wake(receiver, false);
    await until(() => looks.length >= yields, 'others ran');
    loop.remove(receiver);
    return looks.slice(0, yields);
  }

  it('prepares an answer before a window, and serves the receiver that has work before any other', async () => {
    const [first, second] = [new FakeReceiver('adaptive'), new FakeReceiver('adaptive')];
    const steps: string[] = [];
    for (const [name, receiver] of Object.entries({ first, second })) {
      receiver.onPrepare = () => {
        steps.push(`prepare ${name}`);
        second.frames = 1;
      };
      receiver.work = (limit) => {
        if (steps.length > 0) steps.push(`work ${name}`);
        return FakeReceiver.prototype.work.call(receiver, limit);
      };
    }
    const loop = new ReceiveLoop();
    second.onFrame = () => {
      loop.remove(first);
      loop.remove(second);
    };
    loop.wake(first, false);
    loop.wake(second, false);
    await until(() => second.delivered === 1, 'the frame was delivered');
    expect(steps).to.deep.equal(['prepare first', 'prepare second', 'work second']);
  });

  it('lets others run after each window of a receiver that never sleeps', async () => {
    const receiver = new FakeReceiver('spin');
    const looks = await looksBeforeYields(receiver, 20, () => undefined);
    expect(Math.min(...looks)).to.be.at.least(2);
    expect(receiver.delivered).to.equal(0);
  });

  it('tries few windows while the peer answers only when others run', async () => {
    const receiver = new FakeReceiver('spin');
    const looks = await looksBeforeYields(receiver, 200, () => {
      receiver.frames = 1;
    });
    expect(receiver.delivered).to.be.at.least(199);
    // Four windows in vain, then one after four opportunities, after eight, and so on up to 64.
    const windows = looks.flatMap((count, index) => (count > 1 ? [index] : []));
    expect(windows).to.deep.equal([0, 1, 2, 3, 7, 15, 31, 63, 127, 191]);
  });

  it('polls again for a peer that answers in a window again', async () => {
    const receiver = new FakeReceiver('spin');
    let yields = 0;
    const looks = await looksBeforeYields(receiver, 80, () => {
      yields += 1;
      // From the first window that is tried again on, nothing comes while others run.
      if (yields < 31) receiver.frames = 1;
    });
    expect(looks.slice(32).every((count) => count > 1)).to.equal(true);
  });

  it('lets others run ever more seldom while a third thread takes the processor, and again when it has gone', async () => {
    const receiver = new FakeReceiver('spin');
    const windows: number[] = [];
    let count = 0;
    const wantsPoll = receiver.strategy.wantsPoll.bind(receiver.strategy);
    receiver.strategy.wantsPoll = () => {
      count += 1;
      return wantsPoll();
    };
    const loop = new ReceiveLoop(undefined, () => {
      windows.push(count);
      count = 0;
      const isTaken = windows.length <= 8;
      for (const end = performance.now() + 0.5; isTaken && performance.now() < end;);
    });
    loop.wake(receiver, false);
    await until(() => windows.length >= 11, 'others ran');
    loop.remove(receiver);
    expect(windows.slice(0, 9)).to.deep.equal([1, 3, 5, 9, 17, 33, 65, 65, 65]);
    expect(windows[10]).to.equal(1);
  });

  for (const mode of ['adaptive', 'sleep'] as const) {
    it(`lets no others run for a receiver that may sleep (${mode})`, async () => {
      let yields = 0;
      const loop = new ReceiveLoop(undefined, () => {
        yields += 1;
      });
      const receiver = new FakeReceiver(mode);
      receiver.frames = 10;
      let isAsleep = false;
      receiver.trySleep = () => (isAsleep = receiver.frames === 0);
      loop.wake(receiver, false);
      await until(() => isAsleep, 'it sleeps');
      expect([receiver.delivered, yields]).to.deep.equal([10, 0]);
    });
  }

  it('leaves nothing scheduled when nothing is awake', async () => {
    const loop = new ReceiveLoop();
    const receiver = new FakeReceiver();
    receiver.isReferenced = false;
    receiver.frames = 3;
    loop.wake(receiver, false);
    loop.remove(receiver);
    await turns(3);
    expect(receiver.delivered).to.equal(0);
  });

  it('reads the clock as often if many receivers share a window, so that the window is not longer for each of them', async () => {
    const loop = new ReceiveLoop();
    let looks = 0;
    const receivers = Array.from({ length: 16 }, () => new FakeReceiver('adaptive'));
    for (const receiver of receivers) {
      Object.defineProperty(receiver, 'seemsToHaveWork', {
        get: () => {
          looks += 1;
          // A sixteenth of a window: two reads of the clock are enough to end it.
          for (const end = performance.now() + receiver.pollMicroseconds / 16_000; performance.now() < end;);
          return false;
        },
      });
      loop.wake(receiver, false);
    }
    await until(() => looks > 0, 'the window began');
    expect(looks).to.equal(128);
    for (const receiver of receivers) loop.remove(receiver);
  });
});
