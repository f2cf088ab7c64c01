import { CHANNEL_ASSET_UPLOAD, CHANNEL_CONTROL, unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { BOTTLENECKS, openLink, SMALL_LIMITS, type ChapterContext } from '../chapter-context.js';
import { codeOf, expectPeerToHave, untilPeer } from '../expectations.js';
import { messageOf, rowMessage } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { offerRow, sendRow } from '../support/sending.js';
import { turns, until } from '../support/until.js';
import { ROW, sendOn } from './channel-row.js';

/** Contract, CHANNEL: no channel delays another. */
export function describeIndependence(context: ChapterContext): void {
  for (const [what, config] of BOTTLENECKS) {
    it(
      `[CHANNEL-5] keeps the order within each channel and mixes none with another, through ${what}`,
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
    '[CHANNEL-6] lets a stalled channel delay no other',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, {
        // The stalled messages wait for as long as the others need.
        config: { ...SMALL_LIMITS, sendTimeoutMs: 60_000 },
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
    '[CHANNEL-6] lets a stalled default channel delay no other',
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

  // Only with a small window: a socket's own buffers in the kernel hold megabytes, and no message can overtake those in
  // them.
  it(
    '[CHANNEL-6] does not let a bulk transfer hold up the control channel',
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
      `[CHANNEL-5] [DELIVERY-2] delivers large messages on two channels at once, through ${what}`,
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
      `[CHANNEL-6] serves every channel while one is flooded, through ${what}`,
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
    '[CHANNEL-6] times out one channel without harm to another',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, {
        config: { ...SMALL_LIMITS, sendTimeoutMs: 60 },
        peer: { receive: [{ channel: 'live' }] },
      });
      for (const name of ['stalled', 'live']) unwrap(await local.openChannel(name));
      expect(codeOf(await local.sendOnChannel('stalled', messageOf(500_000, 777)))).to.equal('Timeout');
      // On a busy machine the peer may not read for longer than the time limit of a send here.
      await offerRow(local, ROW, 'live');
      await expectPeerToHave(peer, [ROW], 'live');
      await peer.receive({ channel: 'stalled' });
      await offerRow(local, ROW, 'stalled');
      await expectPeerToHave(peer, [ROW], 'stalled');
    }),
  );
}
