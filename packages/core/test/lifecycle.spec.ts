import { turns, within } from '@entropynet/conformance/tools';
import { type CloseReason, NetworkError, ok, type Result } from '@entropynet/core';
import { Lifecycle, type LifecycleHooks } from '@entropynet/core/internal/lifecycle/lifecycle';
import { expect } from 'chai';

/** Something that is made and ended as the test says. */
class Thing implements LifecycleHooks<number> {
  readonly log: string[] = [];
  readonly deadline: LifecycleHooks<number>['deadline'];
  readonly lifecycle: Lifecycle<number>;
  attempts = 0;
  running = 0;
  mostRunning = 0;
  /** What an attempt does; the next one by default. */
  work: (signal: AbortSignal) => Promise<Result<number>> = () => Promise.resolve(ok(this.attempts));
  onReport: (state: string) => void = () => undefined;
  onStarting: () => void = () => undefined;

  constructor(timeoutMs = 60_000) {
    this.deadline = { timeoutMs, describe: () => 'too late' };
    this.lifecycle = new Lifecycle('disconnected', this);
  }

  mayConnect(): Result {
    return ok();
  }

  starting(): void {
    this.log.push('starting');
    this.onStarting();
  }

  async establish(signal: AbortSignal): Promise<Result<number>> {
    this.attempts += 1;
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    const made = await this.work(signal);
    this.running -= 1;
    return made;
  }

  established(value: number): void {
    this.log.push(`made ${value}`);
  }

  connected(): void {
    this.log.push('flows');
  }

  discard(value: number): void {
    this.log.push(`discarded ${value}`);
  }

  leaving(): void {
    this.log.push('leaving');
  }

  farewell(): Promise<Result> {
    return Promise.resolve(ok());
  }

  peerGone(): void {
    this.log.push('peer gone');
  }

  release(): void {
    this.log.push('released');
  }

  report(state: string): void {
    this.log.push(state);
    this.onReport(state);
  }

  isFinal(): boolean {
    return true;
  }

  ended(): void {
    this.log.push('ended');
  }

  left(): void {
    this.log.push('left');
  }
}

describe('the life cycle of connections and handles', () => {
  it('connects after a running disconnect, in order', async () => {
    const thing = new Thing();
    await thing.lifecycle.connect(undefined);
    thing.log.length = 0;
    void thing.lifecycle.disconnect(undefined);
    expect((await thing.lifecycle.connect(undefined)).ok).to.equal(true);
    expect(thing.log.join(', ')).to.equal(
      'leaving, disconnecting, released, disconnected, ended, left, starting, connecting, made 2, connected, flows',
    );
  });

  it('begins to establish before connect() returns, if no other attempt runs', async () => {
    const thing = new Thing();
    const first = thing.lifecycle.connect(undefined);
    expect(thing.attempts).to.equal(1);
    await first;
    await thing.lifecycle.disconnect(undefined);
    const second = thing.lifecycle.connect(undefined);
    expect(thing.attempts).to.equal(2);
    expect((await second).ok).to.equal(true);
  });

  it('never runs two attempts at once, and discards the result of an abandoned one', async () => {
    const thing = new Thing(20);
    let finish: (result: Result<number>) => void = () => undefined;
    thing.work = () => new Promise((resolve) => (finish = resolve));
    const first = await thing.lifecycle.connect(undefined);
    expect(first.ok ? 'ok' : first.error.code).to.equal('Timeout');
    thing.work = () => Promise.resolve(ok(2));
    const second = thing.lifecycle.connect(undefined);
    await turns(3);
    expect(thing.attempts).to.equal(1);
    finish(ok(1));
    expect((await within(second, 'the second attempt ended')).ok).to.equal(true);
    expect(thing.mostRunning).to.equal(1);
    expect(thing.log).to.include('discarded 1').and.not.include('discarded 2');
    expect(thing.lifecycle.state).to.equal('connected');
  });

  it('gives up an attempt that waits for a disconnect when disconnect() is called again', async () => {
    const thing = new Thing();
    await thing.lifecycle.connect(undefined);
    const ending = thing.lifecycle.disconnect(undefined);
    const waiting = thing.lifecycle.connect(undefined);
    expect(thing.lifecycle.disconnect(undefined)).to.equal(ending);
    const outcome = await waiting;
    expect(outcome.ok ? 'ok' : outcome.error.code).to.equal('Aborted');
    await ending;
    expect(thing.lifecycle.state).to.equal('disconnected');
    expect(thing.attempts).to.equal(1);
  });

  it('stays disconnected after disconnect(), at any moment of a waiting attempt', async () => {
    for (let moment = 0; moment < 20; moment += 1) {
      const thing = new Thing();
      await thing.lifecycle.connect(undefined);
      void thing.lifecycle.disconnect(undefined);
      const waiting = thing.lifecycle.connect(undefined);
      for (let passed = 0; passed < moment; passed += 1) await Promise.resolve();
      await thing.lifecycle.disconnect(undefined);
      await waiting;
      expect(thing.lifecycle.state, `after ${moment} microtasks`).to.equal('disconnected');
    }
  });

  it('uses or discards what an attempt has made, at any moment of an abort', async () => {
    for (let moment = 0; moment < 20; moment += 1) {
      const thing = new Thing();
      const controller = new AbortController();
      const connecting = thing.lifecycle.connect(controller.signal);
      for (let turn = 0; turn < moment; turn += 1) await Promise.resolve();
      controller.abort();
      const outcome = await connecting;
      await turns(1);
      const made = thing.log.filter((entry) => entry === 'made 1' || entry === 'discarded 1');
      expect(made, `after ${moment} microtasks`).to.deep.equal([outcome.ok ? 'made 1' : 'discarded 1']);
    }
  });

  it('abandons an attempt that ends while it begins, and reports nothing', async () => {
    const thing = new Thing();
    let ending: Promise<Result> | undefined;
    thing.onStarting = () => {
      ending = thing.lifecycle.disconnect(undefined);
    };
    const outcome = await thing.lifecycle.connect(undefined);
    expect(outcome.ok ? 'ok' : outcome.error.code).to.equal('Aborted');
    expect((await ending)?.ok).to.equal(true);
    expect(thing.log).to.deep.equal(['starting', 'left']);
    thing.onStarting = () => undefined;
    expect((await thing.lifecycle.connect(undefined)).ok).to.equal(true);
  });

  it('connects from inside every report of an end', async () => {
    for (const when of ['disconnecting', 'disconnected', 'failed']) {
      const thing = new Thing();
      await thing.lifecycle.connect(undefined);
      let again: Promise<Result> | undefined;
      thing.onReport = (state) => {
        if (state === when) again ??= thing.lifecycle.connect(undefined);
      };
      if (when === 'failed') thing.lifecycle.endedByItself('failed', new NetworkError('PeerDied', 'died'));
      else thing.lifecycle.endedByItself('disconnected', undefined);
      expect((await within(again ?? Promise.reject(new Error(when)), when)).ok, when).to.equal(true);
      expect(thing.lifecycle.state, when).to.equal('connected');
    }
  });

  it('[STATE-10] resolves closed once for each connect(), with its end, also if a report connects again', async () => {
    const thing = new Thing();
    const reasons: CloseReason[] = [];
    await thing.lifecycle.connect(undefined);
    const { closed } = thing.lifecycle;
    void closed.then((reason) => reasons.push(reason));
    thing.onReport = (state) => {
      if (state === 'failed') void thing.lifecycle.connect(undefined);
    };
    const error = new NetworkError('PeerDied', 'died');
    thing.lifecycle.endedByItself('failed', error);
    await turns(3);
    expect(reasons).to.deep.equal([{ state: 'failed', error }]);
    expect(thing.lifecycle.closed).to.not.equal(closed);
    await thing.lifecycle.disconnect(undefined);
    expect(await thing.lifecycle.closed).to.deep.equal({ state: 'disconnected' });
  });

  it('reports connected, then an end from the time of connecting', async () => {
    const thing = new Thing();
    thing.work = () => {
      thing.lifecycle.endedByItself('disconnected', undefined);
      return Promise.resolve(ok(1));
    };
    await thing.lifecycle.connect(undefined);
    expect(thing.log.filter((entry) => /connect/.test(entry))).to.deep.equal([
      'connecting',
      'connected',
      'disconnecting',
      'disconnected',
    ]);
  });

  it('ends only the call whose signal aborts, if another call began the attempt', async () => {
    const thing = new Thing();
    let finish: (result: Result<number>) => void = () => undefined;
    thing.work = () => new Promise((resolve) => (finish = resolve));
    const first = thing.lifecycle.connect(undefined);
    const controller = new AbortController();
    const joined = thing.lifecycle.connect(controller.signal);
    await turns(1);
    controller.abort();
    const outcome = await joined;
    expect(outcome.ok ? 'ok' : outcome.error.code).to.equal('Aborted');
    finish(ok(1));
    expect((await first).ok).to.equal(true);
  });
});
