import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { openLink, SMALL_LIMITS, type ChapterContext } from '../chapter-context.js';
import { codeOf, expectPeerToHave } from '../expectations.js';
import { messageOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { offerRow, sendRow } from '../support/sending.js';
import { fillFully, STALLED } from './filling.js';

/** Contract, BACKPRESSURE: a `send()` that waits without success. */
export function describeGivingUp(context: ChapterContext): void {
  const impatient = { ...STALLED, config: { ...SMALL_LIMITS, sendTimeoutMs: 60 } };

  for (const length of [0, 1000, 400_000]) {
    it(
      `[BACKPRESSURE-6] gives Timeout to a waiting send() of ${length} bytes, and does not deliver it`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, impatient);
        const filling = await fillFully(local);
        expect(codeOf(await local.send(messageOf(length, 777)))).to.equal('Timeout');
        await peer.receive({});
        // `send` is not used, because on a busy machine the peer may not read for longer than its time limit here.
        await offerRow(local, { lengths: [3, 40_000, 0] });
        await expectPeerToHave(peer, [...filling.rows, { lengths: [3, 40_000, 0] }]);
      }),
    );
  }

  it(
    '[BACKPRESSURE-6] returns Timeout for a partly sent large message, and does not deliver it',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, impatient);
      expect(codeOf(await local.send(messageOf(700_000, 777)))).to.equal('Timeout');
      await peer.receive({});
      await offerRow(local, { lengths: [3, 70_000, 0] });
      await expectPeerToHave(peer, [{ lengths: [3, 70_000, 0] }]);
      expect(local.isConnected()).to.be.true;
    }),
  );

  it(
    '[BACKPRESSURE-6] gives Aborted to a send() whose signal was aborted before',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const reason = new Error('changed my mind');
      const sent = await local.send(messageOf(5, 777), { signal: AbortSignal.abort(reason) });
      expect(codeOf(sent)).to.equal('Aborted');
      if (!sent.ok) expect(sent.error.cause).to.equal(reason);
      await sendRow(local, { lengths: [1] });
      await expectPeerToHave(peer, [{ lengths: [1] }]);
    }),
  );

  for (const length of [0, 1000, 400_000]) {
    it(
      `[BACKPRESSURE-6] gives Aborted to a waiting send() of ${length} bytes by its signal, and does not deliver it`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, STALLED);
        const filling = await fillFully(local);
        const controller = new AbortController();
        const reason = new Error('changed my mind');
        const aborted = local.send(messageOf(length, 777), { signal: controller.signal });
        const kept = local.send(messageOf(10, 1));
        controller.abort(reason);
        const outcome = await aborted;
        expect(codeOf(outcome)).to.equal('Aborted');
        if (!outcome.ok) expect(outcome.error.cause).to.equal(reason);
        await peer.receive({});
        unwrap(await kept);
        await expectPeerToHave(peer, [...filling.rows, { lengths: [10] }]);
      }),
    );
  }

  it(
    '[BACKPRESSURE-6] ignores the signal after send() resolved',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const controller = new AbortController();
      unwrap(await local.send(messageOf(5, 1), { signal: controller.signal }));
      controller.abort();
      await expectPeerToHave(peer, [{ lengths: [5] }]);
    }),
  );
}
