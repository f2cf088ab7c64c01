import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { messageOf, rowMessage, type MessageRow } from '../support/messages.js';
import type { PeerActions } from '../peer/peer-actions.js';
import { scoped } from '../support/scope.js';
import { until } from '../support/until.js';
import { openLink, SMALL_LIMITS, type ChapterContext, type Link } from '../chapter-context.js';
import { codeOf, expectLocalToHave, expectPeerToHave } from '../expectations.js';

const ROW: MessageRow = { lengths: [0, 1, 100, 3000], count: 60 };

/** Contract, CHANNEL: either side closes a channel, for both. */
export function describeChannelClosing(context: ChapterContext): void {
  describe('closing a channel', () => {
    describeOrder(context);
    describeReuse(context);
    describeLimits(context);
  });
}

function describeOrder(context: ChapterContext): void {
  it(
    '[CHANNEL-7] delivers everything that was sent first, and closes it for the peer too',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, { peer: { receive: [{ channel: 'news' }] } });
      unwrap(await local.openChannel('news'));
      await sendOn(local, 'news', ROW);
      unwrap(await local.closeChannel('news'));
      expect(local.isChannelOpen('news')).to.equal(false);
      expect(await peer.isChannelOpen('news')).to.equal(false);
      await expectPeerToHave(peer, [ROW], 'news');
      expect(codeOf(local.trySendOnChannel('news', messageOf(1, 1)))).to.equal('ConnectionClosed');
      expect(await outcomesOf(peer, 'news')).to.deep.equal(['ConnectionClosed']);
      expect(local.isConnected()).to.equal(true);
    }),
  );

  it(
    '[CHANNEL-7] first delivers a promised message that does not fit into the window',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, {
        config: SMALL_LIMITS,
        peer: { receive: [{ channel: 'bulk' }] },
      });
      unwrap(await local.openChannel('bulk'));
      unwrap(local.trySendOnChannel('bulk', messageOf(1_000_000, 1)));
      unwrap(await local.closeChannel('bulk'));
      await expectPeerToHave(peer, [{ lengths: [1_000_000] }], 'bulk');
    }),
  );

  it(
    '[CHANNEL-7] ends the waiting sends of the peer with ConnectionClosed',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, { config: SMALL_LIMITS });
      unwrap(await local.openChannel('stalled'));
      await until(() => peer.isChannelOpen('stalled'), 'the peer has the channel');
      // No consumer takes them here: the window accepts a part of them, and the others wait.
      const sends = peer.send({ lengths: [10_000], count: 20 }, { channel: 'stalled', unawaited: true });
      expect(await peer.isChannelOpen('stalled')).to.equal(true);
      unwrap(await local.closeChannel('stalled'));
      expect(await peer.isChannelOpen('stalled')).to.equal(false);
      expect(await sends).to.have.all.keys('ok', 'ConnectionClosed');
      expect(await outcomesOf(peer, 'stalled')).to.deep.equal(['ConnectionClosed']);
    }),
  );

  it(
    '[CHANNEL-7] keeps earlier messages readable',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      unwrap(await local.openChannel('late'));
      await sendOn(local, 'late', ROW);
      unwrap(await local.closeChannel('late'));
      await peer.receive({ channel: 'late' });
      await expectPeerToHave(peer, [ROW], 'late');
    }),
  );

  it(
    '[CHANNEL-7] keeps earlier messages readable by the name under which this side opened the channel',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope);
      unwrap(await local.openChannel('late'));
      await until(() => peer.isChannelOpen('late'), 'the peer has the channel');
      await peer.send(ROW, { channel: 'late' });
      expect(local.channels().map(({ name }) => name)).to.deep.equal(['late']);
      expect(await peer.closeChannel('late')).to.equal('ok');
      await until(() => !local.isChannelOpen('late'), 'this side knows the close');
      recorder.receive({ channel: 'late' });
      await expectLocalToHave(recorder, [ROW], 'late');
    }),
  );

  it(
    '[CHANNEL-7] closes a channel that the peer opened, and one that nobody used',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope);
      expect(await peer.openChannel('theirs')).to.equal('ok');
      await until(() => recorder.channels.includes('theirs'), 'the channel is known here');
      unwrap(await local.closeChannel('theirs'));
      expect(await peer.isChannelOpen('theirs')).to.equal(false);
      unwrap(await local.closeChannel('theirs'));
      unwrap(await local.closeChannel('unheard of'));
    }),
  );

  it(
    '[CHANNEL-7] closes from both sides at the same time',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope, {
        prepare: (near) => near.receive({ channel: 'both' }),
        peer: { receive: [{ channel: 'both' }] },
      });
      unwrap(await local.openChannel('both'));
      await until(() => peer.isChannelOpen('both'), 'the peer has the channel');
      await Promise.all([peer.send(ROW, { channel: 'both' }), sendOn(local, 'both', ROW)]);
      const outcomes = await Promise.all([peer.closeChannel('both'), local.closeChannel('both').then(codeOf)]);
      expect(outcomes).to.deep.equal(['ok', 'ok']);
      await expectPeerToHave(peer, [ROW], 'both');
      await expectLocalToHave(recorder, [ROW], 'both');
    }),
  );
}

function describeReuse(context: ChapterContext): void {
  it(
    '[CHANNEL-8] opens the name again, with a whole window',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope, { config: SMALL_LIMITS });
      const row = { lengths: [9000], count: 30 };
      for (let round = 1; round <= 4; round += 1) {
        unwrap(await local.openChannel('again'));
        await until(() => peer.isChannelOpen('again'), 'the peer has the channel');
        recorder.receive({ channel: 'again' });
        await peer.receive({ channel: 'again' });
        await Promise.all([peer.send(row, { channel: 'again' }), sendOn(local, 'again', row)]);
        const rows = Array.from({ length: round }, () => row);
        await expectPeerToHave(peer, rows, 'again');
        await expectLocalToHave(recorder, rows, 'again');
        unwrap(await local.closeChannel('again'));
      }
    }),
  );

  it(
    '[CHANNEL-8] opens and closes at once, without waiting for one another',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const outcomes = await Promise.all([
        local.openChannel('brief'),
        local.closeChannel('brief'),
        local.openChannel('brief'),
      ]);
      expect(outcomes.map(codeOf)).to.deep.equal(['ok', 'ok', 'ok']);
      expect(local.isChannelOpen('brief')).to.equal(true);
      await until(() => peer.isChannelOpen('brief'), 'the peer has the channel');
      await sendOn(local, 'brief', ROW);
      await peer.receive({ channel: 'brief' });
      await expectPeerToHave(peer, [ROW], 'brief');
    }),
  );

  it(
    '[CHANNEL-8] frees a slot of maxChannels, even with unread messages',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, { config: { maxChannels: 2 } });
      unwrap(await local.openChannel('stays'));
      for (let round = 1; round <= 100; round += 1) {
        unwrap(await local.openChannel(`number ${round}`));
        unwrap(await local.sendOnChannel(`number ${round}`, messageOf(10, round)));
        unwrap(await local.closeChannel(`number ${round}`));
      }
      unwrap(await local.openChannel('last'));
      expect(codeOf(await local.openChannel('too many'))).to.equal('ResourceLimitExceeded');
      for (const round of [1, 50, 100]) {
        await peer.receive({ channel: `number ${round}` });
        await expectPeerToHave(peer, [{ lengths: [10], seed: round }], `number ${round}`);
      }
    }),
  );

  it(
    '[CHANNEL-8] [CHANNEL-4] frees the slot of a refused channel',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope, { config: { maxChannels: 2 } });
      // Both sides open at once, so the peer refuses some.
      for (let round = 1; round <= 20; round += 1) {
        const names = [1, 2].map((number) => `${round}-${number}`);
        await Promise.all([
          ...names.map((name) => peer.openChannel(`theirs ${name}`)),
          ...names.map((name) => local.openChannel(`ours ${name}`)),
        ]);
        for (const name of names.map((known) => `ours ${known}`)) unwrap(await local.closeChannel(name));
        for (const name of names.map((known) => `theirs ${known}`))
          expect(await peer.closeChannel(name)).to.equal('ok');
      }
      expect(recorder.states).to.not.include('failed');
      // One side may learn of the last close before the other does. The acknowledgement of a refused id may still be on
      // its way, and until it arrives that side has no free place.
      await until(
        async () => (await local.openChannel('after')).ok && (await peer.isChannelOpen('after')),
        'both sides have a place again',
      );
      await sendOn(local, 'after', ROW);
      await peer.receive({ channel: 'after' });
      await expectPeerToHave(peer, [ROW], 'after');
    }),
  );
}

function describeLimits(context: ChapterContext): void {
  it(
    '[CHANNEL-9] returns Timeout after sendTimeoutMs if the peer takes nothing, and closes later when it does',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, {
        config: SMALL_LIMITS,
        localConfig: { sendTimeoutMs: 80 },
      });
      unwrap(await local.openChannel('stalled'));
      unwrap(local.trySendOnChannel('stalled', messageOf(500_000, 1)));
      expect(codeOf(await local.closeChannel('stalled'))).to.equal('Timeout');
      expect(codeOf(local.trySendOnChannel('stalled', messageOf(1, 1)))).to.equal('ConnectionClosed');
      await peer.receive({ channel: 'stalled' });
      await expectPeerToHave(peer, [{ lengths: [500_000] }], 'stalled');
      await until(async () => !(await peer.isChannelOpen('stalled')), 'the peer knows that it is closed');
    }),
  );

  it(
    '[CHANNEL-9] returns Aborted when the signal ends the wait, and still closes',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      unwrap(await local.openChannel('news'));
      await until(() => peer.isChannelOpen('news'), 'the peer has the channel');
      const stop = new AbortController();
      const closing = local.closeChannel('news', { signal: stop.signal });
      stop.abort();
      expect(codeOf(await closing)).to.equal('Aborted');
      await until(async () => !(await peer.isChannelOpen('news')), 'the peer knows that it is closed');
    }),
  );
}

async function sendOn(local: Link['local'], channel: string, row: MessageRow): Promise<void> {
  for (let index = 0; index < (row.count ?? row.lengths.length); index += 1) {
    unwrap(await local.sendOnChannel(channel, rowMessage(row, index)));
  }
}

/** Returns the peer's result of sending one message on the channel. */
async function outcomesOf(peer: PeerActions, channel: string): Promise<string[]> {
  return Object.keys(await peer.send({ lengths: [5] }, { channel }));
}
