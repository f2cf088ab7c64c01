import { turns, until } from '@entropynet/conformance/tools';
import { ReceiveLoop } from '@entropynet/transport-shm/internal/wait/receive-loop';
import { expect } from 'chai';
import { FakeReceiver } from './fake-receiver.js';

/** A loop whose receivers get one frame each, one after the other, and sleep in between. */
class Bench {
  readonly loop = new ReceiveLoop();
  /** How often each receiver was woken by the loop. */
  readonly woken = new Map<FakeReceiver, number>();

  receiver(mode: 'sleep' | 'adaptive' = 'adaptive'): FakeReceiver {
    const receiver = new FakeReceiver(mode);
    receiver.onWakeUp = () => {
      this.woken.set(receiver, this.wakesOf(receiver) + 1);
      this.loop.wake(receiver, false);
    };
    return receiver;
  }

  wakesOf(receiver: FakeReceiver): number {
    return this.woken.get(receiver) ?? 0;
  }

  /** Delivers a frame to a receiver that sleeps. Resolves when all receivers sleep again. */
  async deliver(receiver: FakeReceiver): Promise<void> {
    const trySleep = receiver.trySleep.bind(receiver);
    let isAsleep = false;
    receiver.trySleep = () => (isAsleep = trySleep());
    receiver.frames += 1;
    this.loop.wake(receiver, true);
    await until(() => isAsleep, 'the receiver sleeps again');
    receiver.trySleep = trySleep;
  }
}

describe('receivers that poll together', () => {
  it('finds a frame of a receiver that sleeps, while another one that had work after it polls', async () => {
    const bench = new Bench();
    const [first, second] = [bench.receiver(), bench.receiver()];
    await bench.deliver(first);
    // It arrives while the other one polls, and rings no doorbell, because the receiver has declared that it is awake.
    const { onWakeUp } = first;
    first.onWakeUp = () => {
      onWakeUp();
      first.frames = 1;
    };
    await bench.deliver(second);
    expect(first.delivered).to.equal(2);
    expect(second.delivered).to.equal(1);
  });

  it('wakes a receiver in vain once only, until it has work again', async () => {
    const bench = new Bench();
    const [quiet, busy] = [bench.receiver(), bench.receiver()];
    await bench.deliver(quiet);
    await bench.deliver(busy);
    expect(bench.wakesOf(quiet)).to.equal(1);
    await bench.deliver(busy);
    await bench.deliver(busy);
    expect(bench.wakesOf(quiet)).to.equal(1);
    await bench.deliver(quiet);
    await bench.deliver(busy);
    expect(bench.wakesOf(quiet)).to.equal(2);
  });

  it('does not count a window against a receiver that it woke in vain', async () => {
    const bench = new Bench();
    const [quiet, other] = [bench.receiver(), bench.receiver()];
    // Two windows of its own, and two in which it was woken. It gives up after four.
    for (let round = 0; round < 2; round += 1) {
      await bench.deliver(quiet);
      await bench.deliver(other);
    }
    expect(bench.wakesOf(quiet)).to.equal(2);
    expect(quiet.strategy.wantsPoll()).to.equal(true);
  });

  it('wakes no receiver that never polls, and none that was removed', async () => {
    const bench = new Bench();
    const [sleeping, removed, busy] = [bench.receiver('sleep'), bench.receiver(), bench.receiver()];
    await bench.deliver(sleeping);
    await bench.deliver(removed);
    bench.loop.remove(removed);
    await bench.deliver(busy);
    expect([...bench.woken]).to.deep.equal([]);
  });

  it('wakes a few receivers only, those that had work last', async () => {
    const bench = new Bench();
    const receivers = Array.from({ length: 12 }, () => bench.receiver());
    // No window: each polls in vain and gives up, so nothing is dropped.
    for (const { strategy } of receivers) for (let miss = 0; miss < 4; miss += 1) strategy.missed();
    for (const receiver of receivers) await bench.deliver(receiver);
    const last = bench.receiver();
    await bench.deliver(last);
    const woken = receivers.filter((receiver) => bench.wakesOf(receiver) > 0);
    expect(woken.length).to.equal(7);
    expect(woken).to.include(receivers[11]);
  });

  it('wakes both of two receivers that had work in the same pass', async () => {
    const bench = new Bench();
    const [first, second, other] = [bench.receiver(), bench.receiver(), bench.receiver()];
    first.frames = 1;
    bench.loop.wake(first, false);
    await bench.deliver(second);
    await bench.deliver(other);
    expect([bench.wakesOf(first), bench.wakesOf(second)]).to.deep.equal([1, 1]);
  });

  it('forgets a receiver that its own work ended', async () => {
    const bench = new Bench();
    const [ended, other] = [bench.receiver(), bench.receiver()];
    ended.onFrame = () => {
      bench.loop.remove(ended);
    };
    ended.frames = 1;
    bench.loop.wake(ended, true);
    await bench.deliver(other);
    expect(ended.delivered).to.equal(1);
    expect(bench.wakesOf(ended)).to.equal(0);
  });

  for (const passesOn of [true, false]) {
    const what = passesOn ? 'takes no pause while a program passes messages on' : 'takes a pause between two streams';
    it(`${what}: ${passesOn ? 'their senders may wait for the answers' : 'nobody waits for an answer'}`, async () => {
      const heard: boolean[] = [];
      const loop = new ReceiveLoop({
        steps: 0,
        afterPass: (_pieces, isAnswering) => heard.push(isAnswering),
        wait: () => 0,
        end: () => undefined,
      });
      const [from, to] = [new FakeReceiver('spin'), new FakeReceiver('spin')];
      from.onFrame = () => {
        to.answers = passesOn;
      };
      // Whichever comes first in a pass.
      for (const order of [
        [from, to],
        [to, from],
      ]) {
        for (const receiver of order) {
          receiver.frames = 1;
          loop.wake(receiver, false);
        }
        await until(() => order.every(({ frames }) => frames === 0), 'the frames were delivered');
        await turns(3);
        from.frames = 1;
        await until(() => from.frames === 0, 'the next frame was delivered');
        for (const receiver of order) loop.remove(receiver);
      }
      // If the other receiver comes first in the pass, the next pass knows.
      expect(heard).to.deep.equal(passesOn ? [true, true, false, true] : [false, false, false, false]);
    });
  }

  it('ends only the receiver that throws when it is woken', async () => {
    const bench = new Bench();
    const [failing, good] = [bench.receiver(), bench.receiver()];
    await bench.deliver(failing);
    const error = new Error('detached');
    failing.onWakeUp = () => {
      throw error;
    };
    good.frames = 1;
    bench.loop.wake(good, true);
    await until(() => failing.failures.length === 1, 'the receiver was ended');
    expect(failing.failures).to.deep.equal([error]);
    expect(good.failures).to.deep.equal([]);
    expect(good.delivered).to.equal(1);
    bench.loop.remove(good);
  });
});
