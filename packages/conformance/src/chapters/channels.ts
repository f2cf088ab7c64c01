import { CHANNEL_ASSET_DOWNLOAD, CHANNEL_ASSET_UPLOAD, CHANNEL_CONTROL, unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { messageOf, rowMessage, type MessageRow } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { turns, until } from '../support/until.js';
import { describeChannelClosing } from './channel-closing.js';
import { openLink, SMALL_LIMITS, type ChapterContext, type Link, BOTTLENECKS } from '../chapter-context.js';
import { offerRow, sendRow } from './delivery.js';
import { codeOf, expectLocalToHave, expectPeerToHave, untilPeer } from '../expectations.js';

const ROW: MessageRow = { lengths: [0, 1, 100, 3000], count: 200 };

/** Names that a table, a parser or a file system might stumble over. */
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

/** Contract, semantics 8: channels. */
export function describeChannels(context: ChapterContext): void {
  describe('8 channels', () => {
    describeOpening(context);
    describeNames(context);
    describeIndependence(context);
  });
  describeChannelClosing(context);
}

function describeOpening(context: ChapterContext): void {
  it(
    'tells the peer of an opened channel, once',
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
    'gives every openChannel() under way the same outcome',
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
    'lets the peer answer on a channel without opening it',
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
    'opens a channel from both sides at the same time',
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
    'keeps what arrives on a channel before its callback is set',
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
    'gives InvalidParameter for a channel that is not open, and uses no other instead',
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
    'gives ResourceLimitExceeded beyond its own maxChannels, and goes on',
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
    "gives ResourceLimitExceeded beyond the peer's maxChannels, and goes on",
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, { peerConfig: { maxChannels: 2 } });
      for (const name of ['1', '2']) unwrap(await local.openChannel(name));
      expect(codeOf(await local.openChannel('3'))).to.equal('ResourceLimitExceeded');
      await sendRow(local, ROW);
      await expectPeerToHave(peer, [ROW]);
    }),
  );

  it(
    'keeps the limit when both sides open channels up to it at the same time',
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
    'opens a hundred channels',
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
    'has no channel open in the next connection',
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
    'takes any name of 1 to 255 bytes of UTF-8',
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
      `gives InvalidParameter for a name of ${what}`,
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
    'has well-known names that are ordinary channels',
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

function describeIndependence(context: ChapterContext): void {
  for (const [what, config] of BOTTLENECKS) {
    it(
      `keeps the order within each channel and mixes none with another, through ${what}`,
      scoped(async (scope) => {
        const channels = ['a', 'b', 'c'];
        const { local, peer } = await openLink(context, scope, {
          config,
          peer: { receive: [{}, ...channels.map((channel) => ({ channel }))] },
        });
        const rows = channels.map((_, index) => ({
          lengths: [index, 500, 30_000 * index],
          count: 150,
          seed: 1000 * index,
        }));
        for (const channel of channels) unwrap(await local.openChannel(channel));
        await Promise.all([
          sendRow(local, ROW),
          ...channels.map((channel, index) => sendOn({ local }, channel, rows[index]!)),
        ]);
        await expectPeerToHave(peer, [ROW]);
        for (const [index, channel] of channels.entries()) await expectPeerToHave(peer, [rows[index]!], channel);
      }),
    );
  }

  it(
    'lets a stalled channel delay no other',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, {
        config: SMALL_LIMITS,
        peer: { receive: [{}, { channel: 'live' }] },
      });
      for (const name of ['stalled', 'live']) unwrap(await local.openChannel(name));
      const stalled = Array.from({ length: 300 }, (_, index) =>
        local.sendOnChannel('stalled', messageOf(1000, index + 1)),
      );
      const row = { lengths: [900, 10, 60_000], count: 300 };
      await Promise.all([sendOn({ local }, 'live', row), sendRow(local, row)]);
      await expectPeerToHave(peer, [row], 'live');
      await expectPeerToHave(peer, [row]);
      expect(codeOf(local.trySendOnChannel('stalled', new Uint8Array(0)))).to.equal('WouldBlock');
      await peer.receive({ channel: 'stalled' });
      for (const result of await Promise.all(stalled)) unwrap(result);
      await expectPeerToHave(peer, [{ lengths: [1000], count: 300 }], 'stalled');
    }),
  );

  it(
    'lets a stalled default channel delay no other',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, {
        config: SMALL_LIMITS,
        peer: { receive: [{ channel: 'live' }] },
      });
      unwrap(await local.openChannel('live'));
      const stalled = Array.from({ length: 200 }, (_, index) => local.send(messageOf(1000, index + 1)));
      await sendOn({ local }, 'live', ROW);
      await expectPeerToHave(peer, [ROW], 'live');
      await peer.receive({});
      for (const result of await Promise.all(stalled)) unwrap(result);
      await expectPeerToHave(peer, [{ lengths: [1000], count: 200 }]);
    }),
  );

  // With a small window alone: a socket's own buffers in the kernel hold megabytes, and nothing overtakes what is in them.
  it(
    'does not let a bulk transfer hold up the control channel',
    scoped(async (scope) => {
      const bulk = { lengths: [400_000], count: 20 };
      const { local, peer } = await openLink(context, scope, {
        config: SMALL_LIMITS,
        peer: { receive: [{ channel: CHANNEL_ASSET_UPLOAD }, { channel: CHANNEL_CONTROL }] },
      });
      for (const name of [CHANNEL_ASSET_UPLOAD, CHANNEL_CONTROL]) unwrap(await local.openChannel(name));
      const sends = Array.from({ length: bulk.count }, (_, index) =>
        local.sendOnChannel(CHANNEL_ASSET_UPLOAD, rowMessage(bulk, index)),
      );
      unwrap(await local.sendOnChannel(CHANNEL_CONTROL, messageOf(16, 1)));
      for (const result of await Promise.all(sends)) unwrap(result);
      await expectPeerToHave(peer, [bulk], CHANNEL_ASSET_UPLOAD);
      const messages = (await peer.log()).filter((entry) => entry.startsWith('message:'));
      const place = messages.findIndex((entry) => entry.startsWith(`message:${CHANNEL_CONTROL}:`));
      expect(place, 'bulk messages before the one of the control channel').to.be.within(0, 2);
    }),
  );

  for (const [what, config] of BOTTLENECKS) {
    it(
      `delivers large messages on two channels at once, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, {
          config,
          peer: { receive: [{ channel: 'left' }, { channel: 'right' }] },
        });
        const left = { lengths: [1_000_000, 3, 200_000], seed: 1 };
        const right = { lengths: [1_000_001, 0, 300_000], seed: 100 };
        for (const name of ['left', 'right']) unwrap(await local.openChannel(name));
        await Promise.all([sendOn({ local }, 'left', left), sendOn({ local }, 'right', right)]);
        await expectPeerToHave(peer, [left], 'left');
        await expectPeerToHave(peer, [right], 'right');
      }),
    );
  }

  for (const [what, config] of BOTTLENECKS) {
    it(
      `serves every channel while one is flooded, through ${what}`,
      scoped(async (scope) => {
        const { local, recorder, peer } = await openLink(context, scope, {
          config,
          prepare: (near) => near.receive(),
          peer: { receive: [{ channel: 'quiet', echo: true }] },
        });
        unwrap(await local.openChannel('quiet'));
        await peer.flood(2000);
        for (let round = 1; round <= 20; round += 1) {
          recorder.receive({ channel: 'quiet' });
          unwrap(await local.sendOnChannel('quiet', messageOf(10, round)));
          await until(() => recorder.tally('quiet').count === round, 'the echo arrived');
        }
        await peer.stopFlooding();
        await turns(1);
        await untilPeer(peer, 20, 'quiet');
      }),
    );
  }

  it(
    'times out one channel without harm to another',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, {
        config: { ...SMALL_LIMITS, sendTimeoutMs: 60 },
        peer: { receive: [{ channel: 'live' }] },
      });
      for (const name of ['stalled', 'live']) unwrap(await local.openChannel(name));
      expect(codeOf(await local.sendOnChannel('stalled', messageOf(500_000, 777)))).to.equal('Timeout');
      // A busy machine may keep the peer from reading for longer than a send waits here.
      await offerRow(local, ROW, 'live');
      await expectPeerToHave(peer, [ROW], 'live');
      await peer.receive({ channel: 'stalled' });
      await offerRow(local, ROW, 'stalled');
      await expectPeerToHave(peer, [ROW], 'stalled');
    }),
  );
}

async function sendOn({ local }: Pick<Link, 'local'>, channel: string, row: MessageRow): Promise<void> {
  for (let index = 0; index < (row.count ?? row.lengths.length); index += 1) {
    unwrap(await local.sendOnChannel(channel, rowMessage(row, index)));
  }
}
