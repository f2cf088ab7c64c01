import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { messageOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { until } from '../support/until.js';
import { BOTTLENECKS, openLink, type ChapterContext } from '../chapter-context.js';
import { codeOf, expectPeerToHave, untilPeer } from '../expectations.js';

/** Contract, DELIVERY: several messages with one call. */
export function describeBatches(context: ChapterContext): void {
  describe('batches', () => {
    for (const [what, config] of BOTTLENECKS) {
      it(
        `[DELIVERY-9] [BACKPRESSURE-2] takes the messages of a batch that fit, and emits drain for the rest, through ${what}`,
        scoped(async (scope) => {
          const { local, peer } = await openLink(context, scope, { config });
          // More than the larger window, so that no medium takes all of them at once, with any buffers of the kernel.
          const messages = Array.from({ length: 7000 }, (_, index) => messageOf((index % 700) * 4, index + 1));
          let taken = 0;
          let parts = 0;
          const sendMore = (): void => {
            const sent = local.trySendBatch(messages.slice(taken));
            if (!sent.ok) expect(sent.error.code).to.equal('WouldBlock');
            else {
              taken += sent.value;
              parts += 1;
            }
          };
          local.on('drain', sendMore);
          sendMore();
          await until(
            () => taken === messages.length,
            () => `every message was taken; ${taken} were`,
          );
          expect(parts).to.be.greaterThan(1);
          await expectPeerToHave(
            peer,
            messages.map(({ length }, index) => ({ lengths: [length], seed: index + 1 })),
          );
        }),
      );
    }

    it(
      '[DELIVERY-9] [DELIVERY-3] sends the messages of a batch before one that is too large, which is then refused by itself',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config: { maxMessageSize: 1000 } });
        unwrap(await local.openChannel('bulk'));
        const batch = [messageOf(10, 1), messageOf(0, 2), messageOf(1001, 3), messageOf(10, 4)];
        expect(unwrap(local.trySendBatch(batch))).to.equal(2);
        expect(codeOf(local.trySendBatch(batch.slice(2)))).to.equal('MessageTooLarge');
        expect(unwrap(local.trySendBatch([]))).to.equal(0);
        expect(unwrap(local.trySendBatch([messageOf(1000, 3)], { channel: 'bulk' }))).to.equal(1);
        await untilPeer(peer, 2);
        await peer.receive({ channel: 'bulk' });
        await untilPeer(peer, 1, 'bulk');
      }),
    );
  });
}
