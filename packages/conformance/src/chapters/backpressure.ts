import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { BOTTLENECKS, openLink, SMALL_LIMITS, type ChapterContext } from '../chapter-context.js';
import { codeOf, expectLocalToHave, expectPeerToHave } from '../expectations.js';
import { messageOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { sendRow } from '../support/sending.js';
import { turns, until } from '../support/until.js';
import { fillFully, isPending, STALLED } from './filling.js';
import { describeGivingUp } from './giving-up.js';
import { describeTrySend } from './try-send.js';
import { describeWaiting } from './waiting.js';

/** Contract, BACKPRESSURE. */
export function describeBackpressure(context: ChapterContext): void {
  describe('backpressure', () => {
    describeTrySend(context);
    describeWaiting(context);
    describeGivingUp(context);
    describeStalledReceiver(context);
  });
}

function describeStalledReceiver(context: ChapterContext): void {
  it(
    '[BACKPRESSURE-7] exerts backpressure without a message callback, and keeps the order',
    scoped(async (scope) => {
      const { recorder, peer } = await openLink(context, scope, { config: SMALL_LIMITS });
      const row = { lengths: [1000, 0, 5000], count: 600 };
      const sent = peer.send(row);
      await turns(50);
      expect(await isPending(sent)).to.be.true;
      recorder.receive();
      expect(await sent).to.deep.equal({ ok: row.count });
      await expectLocalToHave(recorder, [row]);
    }),
  );

  for (const [what, config] of BOTTLENECKS) {
    it(
      `[BACKPRESSURE-7] pauses when the callback is taken away, and resumes when it is set again, through ${what}`,
      scoped(async (scope) => {
        const { local, recorder, peer } = await openLink(context, scope, {
          config,
          prepare: (near) => near.receive(),
        });
        const row = { lengths: [700, 20, 45_000], count: 600 };
        const sent = peer.send(row);
        for (let round = 1; round <= 5; round += 1) {
          await until(() => recorder.tally().count >= round * 20, 'some messages arrived');
          recorder.pause();
          const { messagesReceived } = local.getStats();
          await turns(30);
          expect(local.getStats().messagesReceived).to.equal(messagesReceived);
          recorder.receive();
        }
        await sent;
        await expectLocalToHave(recorder, [row]);
      }),
    );
  }

  for (const [what, config] of BOTTLENECKS) {
    it(
      `[BACKPRESSURE-7] waits for a peer whose thread is busy, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, {
          config,
          peer: { receive: [{ busyMs: 1 }] },
        });
        const row = { lengths: [2000, 100], count: 200 };
        const busy = peer.keepBusy(50);
        await Promise.all([busy, sendRow(local, row)]);
        await expectPeerToHave(peer, [row]);
      }),
    );
  }

  it(
    '[END-4] disconnects although the peer takes no messages',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, {
        ...STALLED,
        config: { ...SMALL_LIMITS, sendTimeoutMs: 200 },
      });
      const filling = await fillFully(local);
      const waiting = local.send(messageOf(1000, 777));
      unwrap(await local.disconnect());
      expect(codeOf(await waiting)).to.equal('ConnectionClosed');
      await peer.receive({});
      await expectPeerToHave(peer, filling.rows);
    }),
  );
}
