import { CHANNEL_ASSET_DOWNLOAD, CHANNEL_ASSET_UPLOAD, CHANNEL_CONTROL, unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { openLink, type ChapterContext } from '../chapter-context.js';
import { codeOf, expectLocalToHave, expectPeerToHave } from '../expectations.js';
import { messageOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { sendRow } from '../support/sending.js';
import { until } from '../support/until.js';
import { describeChannelClosing } from './channel-closing.js';
import { describeIndependence } from './channel-independence.js';
import { ROW, sendOn } from './channel-row.js';

/** Names that may be difficult for a table, a parser or a file system. */
const UNUSUAL_NAMES = [
  'a',
  'n'.repeat(255),
  'ü'.repeat(127),
  '信道',
  '🚀 to the moon',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'a/b\\c..',
  ' ',
  '\u0000',
  'line\nbreak',
  '\u00e9',
  'e\u0301',
  '\ufeffmark',
];

/** Contract, CHANNEL. */
export function describeChannels(context: ChapterContext): void {
  describe('channels', () => {
    describeOpening(context);
    describeNames(context);
    describeIndependence(context);
  });
  describeChannelClosing(context);
}

function describeOpening(context: ChapterContext): void {
  it(
    '[CHANNEL-1] reports an opened channel to the peer, once',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, { peer: { receive: [{ channel: 'news' }] } });
      expect(local.supportsMultipleChannels()).to.be.true;
      expect(local.isChannelOpen('news')).to.be.false;
      unwrap(await local.openChannel('news'));
      expect(local.isChannelOpen('news')).to.be.true;
      unwrap(await local.openChannel('news'));
      await sendOn({ local }, 'news', ROW);
      await expectPeerToHave(peer, [ROW], 'news');
      expect((await peer.report()).channels).to.deep.equal(['news']);
      expect(await peer.isChannelOpen('news')).to.be.true;
    }),
  );

  it(
    '[CHANNEL-1] gives every running openChannel() the same outcome',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      expect(codeOf(await local.openChannel('news', { signal: AbortSignal.abort() }))).to.equal('Aborted');
      const { signal } = new AbortController();
      const outcomes = await Promise.all([1, 2, 3].map(() => local.openChannel('news', { signal })));
      expect(outcomes.map(codeOf)).to.deep.equal(['ok', 'ok', 'ok']);
      await until(async () => (await peer.report()).channels.length > 0, 'the peer knows the channel');
      expect((await peer.report()).channels).to.deep.equal(['news']);
    }),
  );

  it(
    '[CHANNEL-1] lets the peer answer on a channel without opening it',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope, {
        prepare: (near) => near.receive({ channel: 'talk' }),
        peer: { receive: [{ channel: 'talk', echo: true }] },
      });
      unwrap(await local.openChannel('talk'));
      await sendOn({ local }, 'talk', ROW);
      await expectLocalToHave(recorder, [ROW], 'talk');
      await expectPeerToHave(peer, [ROW], 'talk');
      expect(recorder.channels).to.deep.equal([]);
    }),
  );

  it(
    '[CHANNEL-1] opens a channel from both sides at the same time',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope, {
        prepare: (near) => near.receive({ channel: 'both' }),
        peer: { receive: [{ channel: 'both' }] },
      });
      const [far, near] = await Promise.all([peer.openChannel('both'), local.openChannel('both')]);
      expect([far, codeOf(near)]).to.deep.equal(['ok', 'ok']);
      await Promise.all([peer.send(ROW, { channel: 'both' }), sendOn({ local }, 'both', ROW)]);
      await expectPeerToHave(peer, [ROW], 'both');
      await expectLocalToHave(recorder, [ROW], 'both');
    }),
  );

  it(
    '[ADOPTION-1] keeps what arrives on a channel before its callback is set',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      unwrap(await local.openChannel('early'));
      await sendOn({ local }, 'early', ROW);
      await until(async () => (await peer.report()).channels.length > 0, 'the peer knows the channel');
      await peer.receive({ channel: 'early' });
      await expectPeerToHave(peer, [ROW], 'early');
    }),
  );

  it(
    '[CHANNEL-3] gives InvalidParameter for a channel that is not open, and uses no other channel',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, { peer: { receive: [{}, { channel: 'closed' }] } });
      local.setChannelMessageCallback('closed', () => undefined);
      for (const name of ['closed', 'unheard of', 'toString']) {
        expect(codeOf(await local.sendOnChannel(name, messageOf(5, 1)))).to.equal('InvalidParameter');
        expect(codeOf(local.trySendOnChannel(name, messageOf(5, 1)))).to.equal('InvalidParameter');
      }
      await sendRow(local, { lengths: [9] });
      await expectPeerToHave(peer, [{ lengths: [9] }]);
      expect((await peer.report()).stats.messagesReceived).to.equal(1);
      expect(local.isConnected()).to.be.true;
    }),
  );

  it(
    '[CHANNEL-4] gives ResourceLimitExceeded beyond its own maxChannels, and goes on',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, { config: { maxChannels: 3 } });
      for (const name of ['1', '2', '3']) unwrap(await local.openChannel(name));
      expect(codeOf(await local.openChannel('4'))).to.equal('ResourceLimitExceeded');
      expect(local.isChannelOpen('4')).to.be.false;
      unwrap(await local.openChannel('2'));
      await sendRow(local, ROW);
      await expectPeerToHave(peer, [ROW]);
    }),
  );

  it(
    "[CHANNEL-4] gives ResourceLimitExceeded beyond the peer's maxChannels, and goes on",
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, { peerConfig: { maxChannels: 2 } });
      for (const name of ['1', '2']) unwrap(await local.openChannel(name));
      expect(codeOf(await local.openChannel('3'))).to.equal('ResourceLimitExceeded');
      await sendRow(local, ROW);
      await expectPeerToHave(peer, [ROW]);
    }),
  );

  it(
    '[CHANNEL-4] keeps the limit when both sides open channels up to it at the same time',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope, {
        config: { maxChannels: 4 },
        prepare: (near) => near.receive(),
      });
      await Promise.all([
        ...['a', 'b', 'c', 'd'].map((name) => peer.openChannel(name)),
        ...['e', 'f', 'g', 'h'].map((name) => local.openChannel(name)),
      ]);
      await Promise.all([sendRow(local, ROW), peer.send(ROW)]);
      await expectPeerToHave(peer, [ROW]);
      await expectLocalToHave(recorder, [ROW]);
      const open = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].filter((name) => local.isChannelOpen(name));
      expect(open.length).to.be.at.most(4);
    }),
  );

  it(
    '[CHANNEL-1] opens a hundred channels',
    scoped(async (scope) => {
      const names = Array.from({ length: 100 }, (_, index) => `channel ${index}`);
      const { local, peer } = await openLink(context, scope, {
        peer: { receive: names.map((channel) => ({ channel })) },
      });
      await Promise.all(names.map((name) => local.openChannel(name)));
      for (const name of names) unwrap(await local.sendOnChannel(name, messageOf(20, 1)));
      for (const name of names) await expectPeerToHave(peer, [{ lengths: [20] }], name);
      expect((await peer.report()).channels).to.deep.equal(names);
    }),
  );

  if (context.side === 'server') return;

  it(
    '[CHANNEL-3] has no channel open in the next connection',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      unwrap(await local.openChannel('news'));
      await local.disconnect();
      expect(local.isChannelOpen('news')).to.be.false;
      const accepted = peer.accept({ receive: [{ channel: 'news' }] });
      unwrap(await local.connect());
      await accepted;
      expect(local.isChannelOpen('news')).to.be.false;
      expect(codeOf(await local.sendOnChannel('news', messageOf(1, 1)))).to.equal('InvalidParameter');
      unwrap(await local.openChannel('news'));
      await sendOn({ local }, 'news', ROW);
      await expectPeerToHave(peer, [ROW], 'news');
    }),
  );
}

function describeNames(context: ChapterContext): void {
  it(
    '[CHANNEL-2] takes any name of 1 to 255 bytes of UTF-8',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, {
        peer: { receive: UNUSUAL_NAMES.map((channel) => ({ channel })) },
      });
      for (const name of UNUSUAL_NAMES) unwrap(await local.openChannel(name));
      for (const [index, name] of UNUSUAL_NAMES.entries()) {
        unwrap(await local.sendOnChannel(name, messageOf(10 + index, index)));
      }
      for (const [index, name] of UNUSUAL_NAMES.entries()) {
        await expectPeerToHave(peer, [{ lengths: [10 + index], seed: index }], name);
      }
      expect((await peer.report()).channels).to.deep.equal(UNUSUAL_NAMES);
    }),
  );

  for (const [what, name] of [
    ['no byte', ''],
    ['256 bytes', 'n'.repeat(256)],
    ['256 bytes in 128 characters', 'ü'.repeat(128)],
    ['a lone surrogate', 'a\ud800b'],
  ] as const) {
    it(
      `[CHANNEL-2] gives InvalidParameter for a name of ${what}`,
      scoped(async (scope) => {
        const { local } = await openLink(context, scope);
        expect(codeOf(await local.openChannel(name))).to.equal('InvalidParameter');
        expect(codeOf(await local.sendOnChannel(name, messageOf(1, 1)))).to.equal('InvalidParameter');
        expect(local.isChannelOpen(name)).to.be.false;
        expect(local.isConnected()).to.be.true;
      }),
    );
  }

  it(
    '[CHANNEL-2] has well-known names that are ordinary channels',
    scoped(async (scope) => {
      const names = [CHANNEL_CONTROL, CHANNEL_ASSET_UPLOAD, CHANNEL_ASSET_DOWNLOAD];
      const { local, peer } = await openLink(context, scope, {
        peer: { receive: names.map((channel) => ({ channel })) },
      });
      for (const name of names) {
        unwrap(await local.openChannel(name));
        await sendOn({ local }, name, ROW);
      }
      for (const name of names) await expectPeerToHave(peer, [ROW], name);
    }),
  );
}
