import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { openPair, type ChapterContext } from '../chapter-context.js';
import { codeOf, expectLocalToHave } from '../expectations.js';
import { messageOf } from '../support/messages.js';
import { Recorder } from '../support/recorder.js';
import { scoped } from '../support/scope.js';
import { sendRow } from '../support/sending.js';
import { turns, until, within } from '../support/until.js';

/** Contract, CALLBACK: the calls that a callback may make. */
export function describeInside(context: ChapterContext): void {
  it(
    '[CALLBACK-4] sends from inside a callback',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      const recorder = new Recorder(far).receive();
      near.setMessageCallback(async (data) => unwrap(await near.send(data)));
      const row = { lengths: [0, 10, 2000], count: 300 };
      await sendRow(far, row);
      await expectLocalToHave(recorder, [row]);
    }),
  );

  it(
    '[CALLBACK-4] replaces the callback from inside itself: the next message goes to the new one',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      const told: string[] = [];
      near.setMessageCallback((data) => {
        told.push(`first ${data.length}`);
        near.setMessageCallback((next) => told.push(`second ${next.length}`));
      });
      await sendRow(far, { lengths: [1, 2, 3] });
      await until(() => told.length === 3, 'three messages were told');
      expect(told).to.deep.equal(['first 1', 'second 2', 'second 3']);
    }),
  );

  it(
    '[CALLBACK-4] removes the callback from inside itself: the next message is kept',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      const told: string[] = [];
      near.setMessageCallback((data) => {
        told.push(`first ${data.length}`);
        near.setMessageCallback(null);
      });
      await sendRow(far, { lengths: [1, 2, 3] });
      await until(() => told.length === 1, 'the first message was told');
      await turns(20);
      near.setMessageCallback((data) => told.push(`second ${data.length}`));
      await until(() => told.length === 3, 'three messages were told');
      expect(told).to.deep.equal(['first 1', 'second 2', 'second 3']);
    }),
  );

  it(
    '[CALLBACK-4] disconnects from inside a message callback: it is the last one',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      const ended: Promise<string>[] = [];
      let count = 0;
      near.setMessageCallback(async () => {
        count += 1;
        const ending = near.disconnect().then(codeOf);
        ended.push(ending);
        await ending;
      });
      const sends = Array.from({ length: 100 }, () => far.send(messageOf(10, 1)));
      await until(() => ended.length > 0, 'a callback disconnected');
      expect(await within(Promise.all(ended), 'disconnect() resolved')).to.deep.equal(['ok']);
      await Promise.all(sends);
      await turns(20);
      expect(count).to.equal(1);
      await until(() => far.getState() === 'disconnected', 'the far side saw the end');
    }),
  );

  it(
    '[CALLBACK-4] disconnects from inside the callback of a message that fills half a window: the far side sees a goodbye',
    scoped(async (scope) => {
      const channelWindow = 64 * 1024;
      const { near, far } = await openPair(context, scope, { channelWindow });
      const states = new Recorder(far).states;
      near.setMessageCallback(() => void near.disconnect());
      unwrap(await far.send(messageOf(channelWindow / 2 - 64, 1)));
      await until(() => !far.isConnected(), 'the far side saw the end');
      expect(states.at(-1)).to.equal('disconnected');
    }),
  );

  it(
    '[CALLBACK-4] disconnects from inside a callback for messages that were kept',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      await sendRow(far, { lengths: [10], count: 20 });
      await turns(20);
      let count = 0;
      near.setMessageCallback(() => {
        count += 1;
        void near.disconnect();
      });
      await until(() => near.getState() === 'disconnected', 'the near side is disconnected');
      expect(count).to.equal(1);
    }),
  );

  it(
    '[CALLBACK-4] is released from inside a callback: it is the last one',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope);
      let count = 0;
      near.setMessageCallback(() => {
        count += 1;
        near.release();
      });
      const sends = Array.from({ length: 100 }, () => far.send(messageOf(10, 1)));
      await until(() => near.getState() === 'disconnected', 'the near side is disconnected');
      await Promise.all(sends);
      await turns(20);
      expect(count).to.equal(1);
    }),
  );

  it(
    '[CALLBACK-4] disconnects from inside a channel, drain and error callback',
    scoped(async (scope) => {
      for (const event of ['channel', 'error'] as const) {
        const { near, far } = await openPair(context, scope);
        const ended: Promise<unknown>[] = [];
        near.on(event, () => ended.push(near.disconnect()));
        near.setMessageCallback(() => {
          throw new Error('as planned');
        });
        if (event === 'channel') unwrap(await far.openChannel('news'));
        else unwrap(await far.send(messageOf(1, 1)));
        await until(() => ended.length === 1, `the ${event} listener was told`);
        await within(Promise.all(ended), 'disconnect() resolved');
        expect(near.getState()).to.equal('disconnected');
      }
    }),
  );
}
