import type { NetworkError } from '@entropynet/core';
import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { openPair, type ChapterContext } from '../chapter-context.js';
import { expectLocalToHave } from '../expectations.js';
import { messageOf } from '../support/messages.js';
import { Recorder } from '../support/recorder.js';
import { scoped } from '../support/scope.js';
import { sendRow } from '../support/sending.js';
import { turns, until, within } from '../support/until.js';
import { describeInside } from './inside-callbacks.js';
import { shutdownCallbacks } from './shutdown-callbacks.js';

/** Contract, CALLBACK. */
export function describeLifetime(context: ChapterContext): void {
  describe('callbacks', () => {
    describeSilence(context);
    describeShutdown(context);
    describeFailingCallbacks(context);
    describeInside(context);
  });
}

function describeSilence(context: ChapterContext): void {
  it(
    '[CALLBACK-1] starts no callback after disconnect() resolved',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      const sends = Array.from({ length: 500 }, (_, index) => far.send(messageOf(500, index)));
      let count = 0;
      for (const event of ['state', 'message', 'channel', 'drain', 'error'] as const)
        near.on(event, () => (count += 1));
      near.setMessageCallback(() => (count += 1));
      near.setStateCallback(() => (count += 1));
      await until(() => count > 0, 'a callback ran');
      await near.disconnect();
      const last = count;
      await Promise.all(sends);
      await turns(50);
      expect(count).to.equal(last);
    }),
  );

  it(
    '[CALLBACK-1] starts no message callback once disconnect() was called',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      await sendRow(far, { lengths: [10], count: 100 });
      let count = 0;
      let isLeaving = false;
      let startedLate = 0;
      near.setMessageCallback(() => {
        count += 1;
        if (isLeaving) startedLate += 1;
      });
      await until(() => count > 0, 'a message arrived');
      await sendRow(far, { lengths: [10], count: 100 });
      isLeaving = true;
      await near.disconnect();
      await turns(20);
      expect(startedLate).to.equal(0);
    }),
  );

  it(
    '[CALLBACK-2] does not wait in disconnect() for the promise of a callback',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      let finish: () => void = () => undefined;
      let isRunning = false;
      near.setMessageCallback(async () => {
        isRunning = true;
        await new Promise<void>((resolve) => (finish = resolve));
      });
      unwrap(await far.send(messageOf(1, 1)));
      await until(() => isRunning, 'the callback runs');
      unwrap(await within(near.disconnect(), 'disconnect() resolved'));
      finish();
    }),
  );

  it(
    '[CALLBACK-1] calls no removed listener, even if a listener of the same event removed it',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      const told: string[] = [];
      const second = (): void => void told.push('second');
      near.on('message', () => {
        told.push('first');
        near.off('message', second);
      });
      near.on('message', second);
      near.once('message', () => void told.push('once'));
      await sendRow(far, { lengths: [1, 1] });
      await until(() => told.filter((entry) => entry === 'first').length === 2, 'both messages were told');
      expect(told.filter((entry) => entry === 'once')).to.have.length(1);
      expect(told.filter((entry) => entry === 'second').length).to.be.at.most(1);
    }),
  );

  it(
    '[STATE-9] keeps an open connection through a garbage collection',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      const recorder = new Recorder(near).receive();
      for (let round = 1; round <= 5; round += 1) {
        globalThis.gc?.();
        await turns(2);
        unwrap(await far.send(messageOf(1000, round)));
        await until(() => recorder.tally().count === round, 'the message arrived');
      }
      await expectLocalToHave(recorder, [{ lengths: [1000], count: 5 }]);
    }),
  );
}

function describeShutdown(context: ChapterContext): void {
  it(
    '[CALLBACK-1] starts no callback after shutdownCallbacks() resolved, while the connection stays',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      let count = 0;
      near.setMessageCallback(() => (count += 1));
      near.on('state', () => (count += 1));
      await sendRow(far, { lengths: [5], count: 3 });
      await until(() => count === 3, 'three messages arrived');
      expect(near.isShuttingDown()).to.be.false;
      await shutdownCallbacks(near);
      expect(near.isShuttingDown()).to.be.true;
      await sendRow(far, { lengths: [5], count: 3 });
      await turns(20);
      expect(count).to.equal(3);
      expect(near.isConnected()).to.be.true;
      await near.disconnect();
      expect(count).to.equal(3);
    }),
  );

  it(
    '[CALLBACK-2] waits in shutdownCallbacks() for the promises of callbacks that run',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      const finishers: (() => void)[] = [];
      let finished = 0;
      near.setMessageCallback(async () => {
        await new Promise<void>((resolve) => finishers.push(resolve));
        finished += 1;
      });
      await sendRow(far, { lengths: [1], count: 3 });
      await until(() => finishers.length === 3, 'three callbacks run');
      let isDown = false;
      const down = shutdownCallbacks(near).then(() => (isDown = true));
      await turns(20);
      expect(isDown).to.be.false;
      for (const finish of finishers) finish();
      await within(down, 'shutdownCallbacks() resolved');
      expect(finished).to.equal(3);
    }),
  );

  it(
    '[CALLBACK-2] does not wait in shutdownCallbacks() for the callback that called it',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      let isDown = false;
      near.setMessageCallback(async () => {
        await shutdownCallbacks(near);
        isDown = true;
      });
      unwrap(await far.send(messageOf(1, 1)));
      await until(() => isDown, 'the callback shut the callbacks down');
    }),
  );

  it(
    '[CALLBACK-2] resolves shutdownCallbacks() from a plain callback that returns its promise',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      let isDown = false;
      near.setMessageCallback(() => shutdownCallbacks(near).then(() => (isDown = true)));
      unwrap(await far.send(messageOf(1, 1)));
      await until(() => isDown, 'the callback shut the callbacks down');
    }),
  );
}

function describeFailingCallbacks(context: ChapterContext): void {
  const failures: readonly [string, (thrown: unknown) => unknown][] = [
    [
      'throws',
      (thrown) => {
        throw thrown;
      },
    ],
    [
      'rejects',
      async (thrown) => {
        await Promise.resolve();
        throw thrown;
      },
    ],
  ];
  for (const [how, fail] of failures) {
    it(
      `[CALLBACK-3] reports a message callback that ${how} through 'error', and the next message comes`,
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope);
        const thrown = new Error('as planned');
        const errors: NetworkError[] = [];
        const lengths: number[] = [];
        near.on('error', (error) => errors.push(error));
        near.setMessageCallback((data) => {
          lengths.push(data.length);
          return data.length === 2 ? fail(thrown) : undefined;
        });
        await sendRow(far, { lengths: [1, 2, 3, 2, 4] });
        await until(() => lengths.length === 5 && errors.length === 2, 'everything was told');
        expect(lengths).to.deep.equal([1, 2, 3, 2, 4]);
        expect(errors.map((error) => error.code)).to.deep.equal(['CallbackFailed', 'CallbackFailed']);
        expect(errors[0]?.cause).to.equal(thrown);
        expect(near.getStats().messagesReceived).to.equal(5);
        expect(near.isConnected()).to.be.true;
      }),
    );

    it(
      `[CALLBACK-3] [CALLBACK-5] reports a state callback that ${how} through 'error', and still calls the listeners`,
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope);
        const recorder = new Recorder(near);
        near.setStateCallback(() => fail(new Error('as planned')));
        await far.disconnect();
        await until(() => recorder.errors.length === 2, 'both transitions were told');
        expect(recorder.states).to.deep.equal(['disconnecting', 'disconnected']);
      }),
    );
  }

  it(
    "[CALLBACK-3] [CALLBACK-5] reports a listener that throws through 'error'",
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      const recorder = new Recorder(near);
      near.on('message', () => {
        throw new Error('as planned');
      });
      await sendRow(far, { lengths: [1, 2] });
      await until(() => recorder.errors.length === 2, 'both failures were told');
      expect(near.isConnected()).to.be.true;
    }),
  );

  it(
    '[CALLBACK-3] does not wait for the promise of a callback before the next message comes',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      const finishers: (() => void)[] = [];
      near.setMessageCallback(async () => new Promise<void>((resolve) => finishers.push(resolve)));
      await sendRow(far, { lengths: [1], count: 10 });
      await until(() => finishers.length === 10, 'ten callbacks run');
      for (const finish of finishers) finish();
    }),
  );
}
