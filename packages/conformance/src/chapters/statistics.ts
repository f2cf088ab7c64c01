import { unwrap } from '@entropynet/core';
import { epochNow } from '@entropynet/core/platform';
import { expect } from 'chai';
import { messageOf, summaryOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { until } from '../support/until.js';
import { openLink, openPair, unusedEndpoint, SMALL_LIMITS, type ChapterContext } from '../chapter-context.js';
import { sendRow } from '../support/sending.js';
import { codeOf, expectLocalToHave, expectPeerToHave, untilPeer } from '../expectations.js';

/** Contract, STATISTICS. */
export function describeStatistics(context: ChapterContext): void {
  describe('statistics', () => {
    it(
      '[STATISTICS-1] start at nothing',
      scoped(async (scope) => {
        const { local } = await openLink(context, scope);
        const { connectTime, ...counters } = local.getStats();
        expect(counters).to.deep.equal({
          ...{ bytesSent: 0, bytesReceived: 0, messagesSent: 0, messagesReceived: 0, lastActivityTime: 0 },
        });
        expect(connectTime).to.be.greaterThan(0);
      }),
    );

    it(
      '[STATISTICS-1] count payload bytes and messages, equal on both ends, however they were sent',
      scoped(async (scope) => {
        const { local, recorder, peer } = await openLink(context, scope, {
          config: SMALL_LIMITS,
          peer: { receive: [{}, { channel: 'side' }] },
          prepare: (near) => near.receive(),
        });
        const there = { lengths: [0, 1, 700, 200_000], count: 100 };
        const side = { lengths: [3, 50_000], count: 10 };
        const back = { lengths: [9, 0, 90_000], count: 70 };
        unwrap(await local.openChannel('side'));
        const [, , sent] = await Promise.all([
          sendRow(local, there),
          sendSide(side.count),
          peer.send(back, { unawaited: true }),
        ]);
        expect(sent).to.deep.equal({ ok: back.count });
        await expectPeerToHave(peer, [there]);
        await expectPeerToHave(peer, [side], 'side');
        await expectLocalToHave(recorder, [back]);

        const near = local.getStats();
        const far = (await peer.report()).stats;
        const expected = [summaryOf(there), summaryOf(side)];
        expect(near.messagesSent).to.equal(there.count + side.count);
        expect(near.bytesSent).to.equal(expected[0]!.bytes + expected[1]!.bytes);
        expect(near.messagesReceived).to.equal(back.count);
        expect(near.bytesReceived).to.equal(summaryOf(back).bytes);
        expect([far.messagesReceived, far.bytesReceived]).to.deep.equal([near.messagesSent, near.bytesSent]);
        expect([far.messagesSent, far.bytesSent]).to.deep.equal([near.messagesReceived, near.bytesReceived]);

        async function sendSide(count: number): Promise<void> {
          for (let index = 0; index < count; index += 1) {
            unwrap(await local.sendOnChannel('side', messageOf(side.lengths[index % 2]!, index + 1)));
          }
        }
      }),
    );

    it(
      '[STATISTICS-2] count committed claims and no aborted ones',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope);
        unwrap(local.claim(10)).abort();
        unwrap(unwrap(local.claim(30)).commit());
        unwrap(unwrap(local.claim(1_000_000)).commit());
        await untilPeer(peer, 2);
        expect(local.getStats()).to.include({ messagesSent: 2, bytesSent: 1_000_030 });
        expect((await peer.report()).stats).to.include({ messagesReceived: 2, bytesReceived: 1_000_030 });
      }),
    );

    it(
      '[STATISTICS-3] count every message as unconfirmed until the peer has taken it',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { peer: { receive: [] } });
        expect(local.unconfirmedSends()).to.deep.equal({ messages: 0, bytes: 0 });
        let sent = 0;
        // The peer takes no message: the sender fills its window, and the peer confirms none of it.
        while (local.trySend(messageOf(10_000, sent)).ok) sent += 1;
        expect(local.unconfirmedSends()).to.deep.equal({ messages: sent, bytes: sent * 10_000 });
        await peer.receive({});
        await untilPeer(peer, sent);
      }),
    );

    it(
      '[STATISTICS-3] confirm the messages of a returned window',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, {
          config: SMALL_LIMITS,
          peer: { receive: [{}, { channel: 'side' }] },
        });
        unwrap(await local.openChannel('side'));
        const row = { lengths: [0, 700, 5000, 100_000], count: 200 };
        await sendRow(local, row);
        unwrap(await local.sendOnChannel('side', messageOf(5, 1)));
        await expectPeerToHave(peer, [row]);
        await sendRow(local, row);
        await expectPeerToHave(peer, [row, row]);
        const { messages, bytes } = local.unconfirmedSends();
        const stats = local.getStats();
        expect(messages).to.be.within(1, stats.messagesSent / 2);
        expect(bytes).to.be.within(5, stats.bytesSent / 2);
      }),
    );

    if (context.placement === 'same thread' && context.fixture.isClientOnly !== true) describeDrops(context);

    it(
      '[STATISTICS-2] count no message that was refused, too large or timed out',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, {
          config: { ...SMALL_LIMITS, sendTimeoutMs: 50, maxMessageSize: 100_000 },
          peer: { receive: [] },
        });
        let accepted = 0;
        while (local.trySend(messageOf(500, accepted)).ok) accepted += 1;
        expect(codeOf(await local.send(messageOf(500, 0)))).to.equal('Timeout');
        expect(codeOf(await local.send(messageOf(100_001, 0)))).to.equal('MessageTooLarge');
        expect(local.getStats()).to.include({ messagesSent: accepted, bytesSent: accepted * 500 });
        expect(local.wouldBlockCount()).to.equal(1);
        await peer.receive({});
        await untilPeer(peer, accepted);
      }),
    );

    it(
      '[STATISTICS-4] are frozen snapshots',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope);
        const before = local.getStats();
        expect(Object.isFrozen(before)).to.be.true;
        unwrap(await local.send(messageOf(10, 1)));
        await untilPeer(peer, 1);
        expect(before.messagesSent).to.equal(0);
        expect(local.getStats().messagesSent).to.equal(1);
      }),
    );

    it(
      '[STATISTICS-5] contain the times of connecting and of the last use',
      scoped(async (scope) => {
        const before = epochNow();
        const { local, recorder, peer } = await openLink(context, scope, { prepare: (near) => near.receive() });
        // The clock for the last activity may be 10 ms late.
        const { connectTime } = local.getStats();
        expect(connectTime).to.be.within(before - 1, epochNow() + 1);
        unwrap(await local.send(messageOf(1, 1)));
        const sentTime = local.getStats().lastActivityTime;
        expect(sentTime).to.be.within(before - 100, epochNow() + 100);
        await until(() => epochNow() > sentTime + 200, 'the clock went on');
        await peer.send({ lengths: [1] });
        await expectLocalToHave(recorder, [{ lengths: [1] }]);
        expect(local.getStats().lastActivityTime).to.be.greaterThan(sentTime);
      }),
    );

    it(
      '[STATISTICS-4] stay readable after the end',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope);
        await sendRow(local, { lengths: [10, 20] });
        await untilPeer(peer, 2);
        await local.disconnect();
        expect(local.getStats()).to.include({ messagesSent: 2, bytesSent: 30 });
      }),
    );

    if (context.side === 'server') return;

    it(
      '[STATISTICS-4] start anew with each connect()',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope);
        await sendRow(local, { lengths: [10, 20] });
        await local.disconnect();
        const accepted = peer.accept();
        unwrap(await local.connect());
        await accepted;
        expect(local.getStats()).to.include({ messagesSent: 0, bytesSent: 0, lastActivityTime: 0 });
      }),
    );

    it(
      '[STATISTICS-4] are all zero before connect()',
      scoped(async (scope) => {
        const config = await unusedEndpoint(context, scope);
        const stats = scope.add(context.fixture.createTransport().createConnection(config)).getStats();
        expect(Object.values(stats)).to.deep.equal([0, 0, 0, 0, 0, 0]);
      }),
    );
  });
}

function describeDrops(context: ChapterContext): void {
  it(
    '[STATISTICS-3] count messages that arrive after the peer has called disconnect() as unconfirmed',
    scoped(async (scope) => {
      const { near, far } = await openPair(context, scope, { ...SMALL_LIMITS, sendTimeoutMs: 600_000 });
      near.setMessageCallback(() => undefined);
      // Nobody takes this message yet, so the goodbye waits behind the rest of it.
      unwrap(near.trySend(messageOf(1_000_000, 1)));
      const ended = near.disconnect();
      const row = { lengths: [1000], count: 400 };
      await sendRow(far, row);
      const all = { messages: row.count, bytes: row.count * 1000 };
      expect(far.unconfirmedSends()).to.deep.equal(all);
      far.setMessageCallback(() => undefined);
      unwrap(await ended);
      await until(() => far.getState() === 'disconnected', 'the far side saw the end');
      expect(far.unconfirmedSends()).to.deep.equal(all);
    }),
  );
}
