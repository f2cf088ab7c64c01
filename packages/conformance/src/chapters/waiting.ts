import { setTimeout as pause } from 'node:timers/promises';
import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { BOTTLENECKS, openLink, SMALL_LIMITS, type ChapterContext } from '../chapter-context.js';
import { codeOf, expectPeerToHave, untilPeer } from '../expectations.js';
import { messageOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { turns } from '../support/until.js';
import { fillFully, isPending, STALLED } from './filling.js';

/** Contract, BACKPRESSURE: a `send()` that waits. */
export function describeWaiting(context: ChapterContext): void {
  it(
    '[BACKPRESSURE-4] lets send() wait for room, and delivers it then',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, STALLED);
      const filling = await fillFully(local);
      const sent = local.send(messageOf(1000, 1));
      expect(await isPending(sent)).to.be.true;
      await peer.receive({});
      unwrap(await sent);
      await expectPeerToHave(peer, [...filling.rows, { lengths: [1000] }]);
    }),
  );

  it(
    '[BACKPRESSURE-4] does not block the event loop while send() waits',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, STALLED);
      await fillFully(local);
      const sent = local.send(messageOf(1000, 1));
      await turns(500);
      await pause(1);
      expect(await isPending(sent)).to.be.true;
      await peer.receive({});
      unwrap(await sent);
    }),
  );

  it(
    '[BACKPRESSURE-5] never lets trySend() or claim() overtake a send() that waits',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, STALLED);
      const filling = await fillFully(local);
      const sends = [2000, 0, 80_000, 1].map((length, index) => local.send(messageOf(length, 1 + index)));
      expect(codeOf(local.trySend(new Uint8Array(0)))).to.equal('WouldBlock');
      expect(codeOf(local.claim(0))).to.equal('WouldBlock');
      await peer.receive({});
      const settled = Promise.all(sends);
      while (await isPending(settled)) {
        // There is room for a byte long before the large message has left.
        const attempt = local.trySend(messageOf(1, 4711));
        if (attempt.ok) break;
        await turns(1);
      }
      for (const result of await settled) unwrap(result);
      await untilPeer(peer, filling.count + 4);
      const labels = (await peer.labels()).map((label) => Number(label.split(':')[0]));
      expect(labels.slice(filling.count, filling.count + 4)).to.deep.equal([2000, 0, 80_000, 1]);
    }),
  );

  for (const [what, config] of BOTTLENECKS) {
    it(
      `[BACKPRESSURE-5] serves waiting sends in order, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { ...STALLED, config });
        const filling = await fillFully(local);
        const order: number[] = [];
        const sends = Array.from({ length: 50 }, (_, index) =>
          local.send(messageOf(1000, 1 + index)).then(() => order.push(index)),
        );
        await peer.receive({});
        await Promise.all(sends);
        expect(order).to.deep.equal(Array.from({ length: 50 }, (_, index) => index));
        await expectPeerToHave(peer, [...filling.rows, { lengths: [1000], count: 50 }]);
      }),
    );
  }

  it(
    '[BACKPRESSURE-3] returns ResourceLimitExceeded if more than sendQueueBytes would wait',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, {
        ...STALLED,
        config: { ...SMALL_LIMITS, sendQueueBytes: 100_000 },
      });
      const filling = await fillFully(local);
      const sends = Array.from({ length: 200 }, (_, index) => local.send(messageOf(1000, 1 + index)));
      await peer.receive({});
      const outcomes = (await Promise.all(sends)).map(codeOf);
      const waited = outcomes.indexOf('ResourceLimitExceeded');
      expect(waited).to.be.within(1, 100);
      expect(new Set(outcomes.slice(waited))).to.deep.equal(new Set(['ResourceLimitExceeded']));
      await expectPeerToHave(peer, [...filling.rows, { lengths: [1000], count: waited }]);
    }),
  );
}
