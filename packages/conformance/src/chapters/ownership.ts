import { expect } from 'chai';
import { expectedLabel, labelOf, labelsOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { until } from '../support/until.js';
import { openLink, SMALL_LIMITS, type ChapterContext } from '../chapter-context.js';
import { expectLocalToHave } from '../expectations.js';

const LENGTHS = [0, 1, 64, 1000, 20_000, 100_000];

/** Contract, OWNERSHIP. */
export function describeOwnership(context: ChapterContext): void {
  describe('ownership', () => {
    it(
      '[OWNERSHIP-1] gives the bytes to the callback: they do not change after more traffic or after the end',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config: SMALL_LIMITS });
        const kept: Uint8Array[] = [];
        local.setMessageCallback((data) => kept.push(data));
        const row = { lengths: LENGTHS, count: 60 };
        await peer.send(row);
        await until(() => kept.length === row.count, 'every message arrived');
        await local.disconnect();
        await peer.reset();
        expect(kept.map(labelOf)).to.deep.equal(labelsOf(row));
      }),
    );

    it(
      '[OWNERSHIP-1] gives every callback its own bytes: writing to them changes no other message',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config: SMALL_LIMITS });
        const labels: string[] = [];
        local.setMessageCallback((data) => {
          labels.push(labelOf(data));
          data.fill(0xff);
        });
        const row = { lengths: LENGTHS, count: 300 };
        await peer.send(row);
        await until(() => labels.length === row.count, 'every message arrived');
        expect(labels).to.deep.equal(labelsOf(row));
      }),
    );

    it(
      '[OWNERSHIP-1] gives the callback bytes that it may transfer, for example to another thread',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config: SMALL_LIMITS });
        const labels: string[] = [];
        local.setMessageCallback((data) => {
          labels.push(labelOf(structuredClone(data, { transfer: [data.buffer as ArrayBuffer] })));
        });
        const row = { lengths: LENGTHS, count: 300 };
        await peer.send(row);
        await until(() => labels.length === row.count, 'every message arrived');
        expect(labels).to.deep.equal(labelsOf(row));
      }),
    );

    it(
      '[OWNERSHIP-2] lends a borrowing callback the right bytes while it runs',
      scoped(async (scope) => {
        const { recorder, peer } = await openLink(context, scope, {
          config: SMALL_LIMITS,
          prepare: (near) => near.receive({ ownership: 'borrow' }),
        });
        const row = { lengths: LENGTHS, count: 600 };
        await peer.send(row);
        await expectLocalToHave(recorder, [row]);
      }),
    );

    it(
      '[OWNERSHIP-2] lends the right bytes of messages that were kept for a late callback',
      scoped(async (scope) => {
        const { local, recorder, peer } = await openLink(context, scope);
        const row = { lengths: [5, 0, 3000, 600_000] };
        await peer.send(row);
        expect(local.getStats().messagesReceived).to.equal(0);
        recorder.receive({ ownership: 'borrow' });
        await expectLocalToHave(recorder, [row]);
      }),
    );

    it(
      '[OWNERSHIP-3] lends bytes to the callback and gives the message listeners a copy',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope);
        const kept: Uint8Array[] = [];
        let borrowed = '';
        local.setMessageCallback((data) => void (borrowed = labelOf(data)), { ownership: 'borrow' });
        local.on('message', (data) => kept.push(data));
        await peer.send({ lengths: [500] });
        await until(() => kept.length === 1, 'the listener got a message');
        await peer.send({ lengths: Array.from({ length: 200 }, () => 500), seed: 50 });
        await until(() => kept.length === 201, 'the listener got all messages');
        expect(borrowed).to.equal(expectedLabel(500, 249));
        expect(labelOf(kept[0]!)).to.equal(expectedLabel(500, 1));
      }),
    );

    it(
      '[OWNERSHIP-2] [OWNERSHIP-1] lends and copies on channels as well',
      scoped(async (scope) => {
        const { recorder, peer } = await openLink(context, scope, {
          prepare: (near) =>
            near.receive({ channel: 'lent', ownership: 'borrow' }).receive({ channel: 'copied', ownership: 'copy' }),
        });
        const row = { lengths: LENGTHS, count: 60 };
        for (const channel of ['lent', 'copied']) {
          await peer.openChannel(channel);
          await peer.send(row, { channel });
        }
        await expectLocalToHave(recorder, [row], 'lent');
        await expectLocalToHave(recorder, [row], 'copied');
      }),
    );
  });
}
