import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { BOTTLENECKS, openLink, ownPeer, SMALL_LIMITS, SMALL_MEDIUM, type ChapterContext } from '../chapter-context.js';
import { codeOf, expectLocalToHave, expectPeerToHave } from '../expectations.js';
import { messageOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { sendRow } from '../support/sending.js';
import { turns, until, within } from '../support/until.js';
import { describeBothEnding } from './mutual-end.js';

const MIB = 1024 * 1024;

/** Contract, END. */
export function describeGracefulEnd(context: ChapterContext): void {
  describe('graceful end', () => {
    it(
      '[END-1] delivers every message whose send() resolved before it reports the end',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope);
        const row = { lengths: [0, 10, 5000], count: 3000 };
        await sendRow(local, row);
        unwrap(await local.disconnect());
        await untilEnd(peer);
        await expectPeerToHave(peer, [row]);
        await expectEndLast(peer);
      }),
    );

    if (context.side === 'client') describeAbortedGoodbye(context);

    for (const [what, config] of BOTTLENECKS) {
      it(
        `[END-1] delivers 10 MiB that are on the way, through ${what}`,
        scoped(async (scope) => {
          // Each send waits for those before it, even on a slow machine.
          const { local, peer } = await openLink(context, scope, { config: { ...config, sendTimeoutMs: 25_000 } });
          const row = { lengths: [MIB], count: 10 };
          const sends = Array.from({ length: row.count }, (_, index) => local.send(messageOf(MIB, index + 1)));
          for (const result of await Promise.all(sends)) unwrap(result);
          unwrap(await local.disconnect());
          await untilEnd(peer);
          await expectPeerToHave(peer, [row]);
          await expectEndLast(peer);
        }),
      );
    }

    for (const [what, config] of BOTTLENECKS) {
      it(
        `[END-1] delivers the messages that trySend() and claim() accepted, through ${what}`,
        scoped(async (scope) => {
          const { local, peer } = await openLink(context, scope, { config });
          unwrap(local.trySend(messageOf(10, 1)));
          const claim = unwrap(local.claim(20));
          claim.bytes.set(messageOf(20, 2));
          unwrap(claim.commit());
          unwrap(local.trySend(messageOf(2 * MIB, 3)));
          unwrap(await local.disconnect());
          await untilEnd(peer);
          await expectPeerToHave(peer, [{ lengths: [10, 20, 2 * MIB] }]);
        }),
      );
    }

    it(
      '[END-1] delivers on every channel',
      scoped(async (scope) => {
        const names = ['a', 'b', 'c'];
        const { local, peer } = await openLink(context, scope, {
          peer: { receive: names.map((channel) => ({ channel })) },
        });
        for (const name of names) unwrap(await local.openChannel(name));
        for (const name of names) unwrap(await local.sendOnChannel(name, messageOf(100_000, 1)));
        unwrap(await local.disconnect());
        await untilEnd(peer);
        for (const name of names) await expectPeerToHave(peer, [{ lengths: [100_000] }], name);
      }),
    );

    if (context.placement === 'same thread' && context.fixture.isClientOnly !== true) describeBothEnding(context);

    it(
      '[END-2] reports the end at once while messages wait, and delivers them to a callback that is set later',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { peer: { receive: [] } });
        const row = { lengths: [0, 10, 5000], count: 90 };
        await sendRow(local, row);
        unwrap(await local.disconnect());
        await untilEnd(peer);
        expect((await peer.report()).states.at(-1)).to.equal('disconnected');
        await peer.receive({});
        await expectPeerToHave(peer, [row]);
      }),
    );

    it(
      '[END-1] delivers a single message that is followed by the end at once',
      scoped(async (scope) => {
        for (let round = 1; round <= 10; round += 1) {
          const { local, peer } = await openLink(context, scope);
          unwrap(local.trySend(messageOf(round, round)));
          unwrap(await local.disconnect());
          await untilEnd(peer);
          await expectPeerToHave(peer, [{ lengths: [round], seed: round }]);
          await peer.reset();
        }
      }),
    );

    it(
      "[END-1] delivers the peer's last messages, then reports the end",
      scoped(async (scope) => {
        const { recorder, peer } = await openLink(context, scope, { prepare: (near) => near.receive() });
        const row = { lengths: [0, 10, 50_000], count: 600 };
        await peer.send(row, { unawaited: true });
        await peer.disconnect();
        await until(() => recorder.states.includes('disconnected'), 'the near side saw the end');
        await expectLocalToHave(recorder, [row]);
        expect(recorder.log.at(-1)).to.equal('state:disconnected');
      }),
    );

    it(
      '[END-3] ends waiting sends with ConnectionClosed, and delivers none of them',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, {
          config: { ...SMALL_LIMITS, sendTimeoutMs: 20_000 },
          peer: { receive: [] },
        });
        const sends = Array.from({ length: 200 }, (_, index) => local.send(messageOf(1000, index + 1)));
        await turns(20);
        await local.disconnect();
        const outcomes = (await Promise.all(sends)).map(codeOf);
        const accepted = outcomes.filter((outcome) => outcome === 'ok').length;
        expect(outcomes.slice(accepted)).to.deep.equal(outcomes.slice(accepted).map(() => 'ConnectionClosed'));
        await peer.receive({});
        await untilEnd(peer);
        await expectPeerToHave(peer, [{ lengths: [1000], count: accepted }]);
      }),
    );

    it(
      '[END-3] ends waiting sends with ConnectionClosed when the peer leaves',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config: SMALL_LIMITS, peer: { receive: [] } });
        const sends = Array.from({ length: 200 }, (_, index) => local.send(messageOf(1000, index + 1)));
        await turns(20);
        await peer.disconnect();
        const outcomes = new Set((await within(Promise.all(sends), 'every send ended')).map(codeOf));
        expect([...outcomes]).to.deep.equal(['ok', 'ConnectionClosed']);
      }),
    );

    if (context.placement === 'same thread') return;

    it(
      '[END-5] delivers everything when the sender exits right after disconnect() resolved',
      scoped(async (scope) => {
        const host = await ownPeer(context, scope);
        const { recorder } = await openLink(context, scope, { host, prepare: (near) => near.receive() });
        const row = { lengths: [0, 100, 40_000], count: 300 };
        // The reply never arrives, because the peer has gone.
        host.actions.sendDisconnectAndExit(row).catch(() => undefined);
        expect(await within(host.ended, 'the peer left')).to.equal(0);
        await until(
          () => recorder.states.includes('disconnected'),
          () => `the near side saw the end: ${recorder.states.join()}`,
        );
        await expectLocalToHave(recorder, [row]);
        expect(recorder.states).to.not.include('failed');
      }),
    );
  });
}

function describeAbortedGoodbye(context: ChapterContext): void {
  it(
    '[END-4] gives up the goodbye when the signal aborts and the peer takes nothing',
    scoped(async (scope) => {
      const { local } = await openLink(context, scope, {
        config: SMALL_MEDIUM,
        // At the end of the test the peer waits this long for an answer that never arrives.
        peerConfig: { sendTimeoutMs: 50 },
        peer: { startReceiving: false },
      });
      unwrap(local.trySend(messageOf(MIB, 1)));
      expect(codeOf(await local.disconnect({ signal: AbortSignal.timeout(20) }))).to.equal('Aborted');
      expect(local.getState()).to.equal('disconnected');
    }),
  );
}

interface Reporting {
  report(): Promise<{ state: string }>;
}

async function untilEnd(peer: Reporting): Promise<void> {
  let last = '';
  await until(
    async () => (last = (await peer.report()).state) === 'disconnected',
    () => `the peer is disconnected; it is ${last}`,
  );
}

/** Checks that no message was delivered after the end was reported. */
async function expectEndLast(peer: { log(): Promise<readonly string[]> }): Promise<void> {
  expect((await peer.log()).at(-1)).to.equal('state:disconnected');
}
