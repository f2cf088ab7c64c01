import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { BOTTLENECKS, openLink, SMALL_LIMITS, type ChapterContext } from '../chapter-context.js';
import { codeOf, expectPeerToHave, untilPeer } from '../expectations.js';
import { messageOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { sendRow } from '../support/sending.js';
import { turns, until } from '../support/until.js';
import { fill, fillFully, STALLED } from './filling.js';

/** Contract, BACKPRESSURE: `trySend()` and `drain`. */
export function describeTrySend(context: ChapterContext): void {
  for (const [what, config] of BOTTLENECKS) {
    it(
      `[BACKPRESSURE-1] gives WouldBlock when there is no room, and has queued nothing of that message, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { ...STALLED, config });
        let accepted = 0;
        // The peer runs at the same time and may make room in the medium between two refusals. Messages that are
        // accepted then count.
        for (let refusals = 0; refusals < 10;) {
          const code = codeOf(local.trySend(messageOf(100, accepted + 1)));
          if (code === 'ok') accepted += 1;
          else {
            expect(code).to.equal('WouldBlock');
            refusals += 1;
          }
        }
        await peer.receive({});
        await untilPeer(peer, accepted);
        await sendRow(local, { lengths: [7], seed: accepted + 1 });
        await expectPeerToHave(peer, [
          { lengths: [100], count: accepted },
          { lengths: [7], seed: accepted + 1 },
        ]);
      }),
    );
  }

  for (const [what, config] of BOTTLENECKS) {
    it(
      `[BACKPRESSURE-2] emits drain once to a refused sender, through ${what}`,
      scoped(async (scope) => {
        const { local, recorder, peer } = await openLink(context, scope, { ...STALLED, config });
        const accepted = fill(local, 1000);
        for (let attempt = 0; attempt < 5; attempt += 1) local.trySend(messageOf(1000, 1));
        await turns(20);
        // The peer's window may have taken messages from the medium by now. The window itself can't become free.
        if (config === SMALL_LIMITS) expect(recorder.drains).to.deep.equal([]);
        await peer.receive({});
        await until(() => recorder.drains.length > 0, 'drain was emitted');
        unwrap(local.trySend(messageOf(10, 1)));
        await untilPeer(peer, accepted + 1);
        await sendRow(local, { lengths: [100], count: 200 });
        await untilPeer(peer, accepted + 201);
        expect(recorder.drains).to.deep.equal(['']);
      }),
    );
  }

  it(
    '[BACKPRESSURE-2] emits no drain to a sender that was never refused',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope, { config: SMALL_LIMITS });
      await sendRow(local, { lengths: [1000], count: 500 });
      await untilPeer(peer, 500);
      expect(recorder.drains).to.deep.equal([]);
    }),
  );

  for (const [what, config] of BOTTLENECKS) {
    it(
      `[BACKPRESSURE-2] sends everything with trySend() and drain alone, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config });
        const count = 3000;
        let next = 0;
        const sendMore = (): void => {
          while (next < count && local.trySend(messageOf(next % 1500, next + 1)).ok) next += 1;
        };
        local.on('drain', sendMore);
        sendMore();
        await until(
          () => next === count,
          () => `every message was taken; ${next} were`,
        );
        await expectPeerToHave(
          peer,
          Array.from({ length: count }, (_, index) => ({ lengths: [index % 1500], seed: index + 1 })),
        );
      }),
    );
  }

  it(
    '[BACKPRESSURE-2] names the channel of drain',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope, STALLED);
      unwrap(await local.openChannel('narrow'));
      let accepted = 0;
      while (local.trySendOnChannel('narrow', messageOf(1000, accepted)).ok) accepted += 1;
      await peer.receive({ channel: 'narrow' });
      await until(() => recorder.drains.length > 0, 'drain was emitted');
      expect(recorder.drains).to.deep.equal(['narrow']);
      await untilPeer(peer, accepted, 'narrow');
    }),
  );

  it(
    '[BACKPRESSURE-3] accepts no more than the configured bytes while the peer takes nothing',
    scoped(async (scope) => {
      const { local } = await openLink(context, scope, STALLED);
      await fillFully(local);
      expect(local.getStats().bytesSent).to.be.within(1, SMALL_LIMITS.channelWindow);
    }),
  );

  it(
    '[BACKPRESSURE-1] [DELIVERY-2] delivers a large message that trySend() accepted when only its start had room',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, STALLED);
      unwrap(local.trySend(messageOf(500_000, 1)));
      expect(codeOf(local.trySend(messageOf(1, 99)))).to.equal('WouldBlock');
      await peer.receive({});
      await expectPeerToHave(peer, [{ lengths: [500_000] }]);
    }),
  );
}
