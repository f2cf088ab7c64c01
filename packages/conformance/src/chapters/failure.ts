import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { expectedLabel, messageOf } from '../support/messages.js';
import { Recorder } from '../support/recorder.js';
import { scoped } from '../support/scope.js';
import { describeBothEnding } from './mutual-end.js';
import { turns, until, within } from '../support/until.js';
import {
  absenceCodeOf,
  mergeConfig,
  openLink,
  ownPeer,
  skippedTest,
  SMALL_LIMITS,
  SMALL_MEDIUM,
  type ChapterContext,
  BOTTLENECKS,
} from '../chapter-context.js';
import { sendRow } from './delivery.js';
import { codeOf, expectLocalToHave, expectPeerToHave, untilLocal, untilPeer } from '../expectations.js';

const MIB = 1024 * 1024;

/** Contract, semantics 5: graceful end. */
export function describeGracefulEnd(context: ChapterContext): void {
  describe('5 graceful end', () => {
    it(
      'delivers every message whose send() resolved before it reports the end',
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
        `delivers 10 MiB that are on the way, through ${what}`,
        scoped(async (scope) => {
          // Each send waits for those before it, however slow a busy machine is.
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
        `delivers what trySend() and claim() took, through ${what}`,
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
      'delivers on every channel',
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
      'reports the end at once while messages wait, and delivers them to a callback that is set later',
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
      'delivers a single message that is followed by the end at once',
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
      'delivers what the peer sent before it left, then reports the end',
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
      'ends sends that wait with ConnectionClosed, and delivers none of them',
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
      'ends sends that wait with ConnectionClosed when the peer leaves',
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
      'delivers everything when the sender exits right after disconnect() resolved',
      scoped(async (scope) => {
        const host = await ownPeer(context, scope);
        const { recorder } = await openLink(context, scope, { host, prepare: (near) => near.receive() });
        const row = { lengths: [0, 100, 40_000], count: 300 };
        // The reply never comes: the peer is gone by then.
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

/** Contract, semantics 6: abnormal end. */
export function describeAbnormalEnd(context: ChapterContext): void {
  describe('6 abnormal end', () => {
    if (context.capabilities.detectsPeerDeath) describeDeath(context);
    else skippedTest('reports the death of the peer', 'the transport does not detect it');
    if (context.capabilities.detectsUnresponsive) describePause(context);
    else skippedTest('reports a peer that is paused', 'the transport does not detect it');
    describeSilentServer(context);
  });
}

function describeDeath(context: ChapterContext): void {
  const deaths = [
    ['is killed', 'SIGKILL'],
    ['exits without a goodbye', 'exit'],
    ['throws and nobody catches', 'throw'],
  ] as const;
  for (const [what, how] of deaths) {
    it(
      `reports failed with PeerDied, once, when the idle peer ${what}`,
      scoped(async (scope) => {
        const host = await ownPeer(context, scope);
        const { local, recorder } = await openLink(context, scope, { host, prepare: (near) => near.receive() });
        if (how === 'SIGKILL') host.signal(how);
        else void host.actions.end(how).catch(() => undefined);
        await host.ended;
        await until(
          () => recorder.states.includes('failed'),
          () => `the near side failed: ${recorder.states.join()}`,
        );
        expect(local.getState()).to.equal('failed');
        await turns(50);
        expect(recorder.states.slice(recorder.states.indexOf('connected') + 1)).to.deep.equal(['failed']);
        expect(recorder.stateErrors.at(-1)?.code).to.equal('PeerDied');
      }),
    );
  }

  it(
    'delivers what the peer had committed before it died, then reports it',
    scoped(async (scope) => {
      const host = await ownPeer(context, scope);
      const { recorder } = await openLink(context, scope, { host, prepare: (near) => near.receive() });
      const row = { lengths: [0, 10, 300], count: 500 };
      expect(await host.actions.send(row)).to.deep.equal({ ok: row.count });
      host.signal('SIGKILL');
      await until(() => recorder.states.includes('failed'), 'the near side failed');
      await expectLocalToHave(recorder, [row]);
      expect(recorder.log.at(-1)).to.equal('state:failed');
    }),
  );

  it(
    'keeps what the dead peer had committed for a callback that comes late',
    scoped(async (scope) => {
      const host = await ownPeer(context, scope);
      const { recorder } = await openLink(context, scope, { host });
      const row = { lengths: [0, 10, 300], count: 200 };
      await host.actions.send(row);
      await turns(20);
      host.signal('SIGKILL');
      await host.ended;
      await turns(50);
      recorder.receive();
      await expectLocalToHave(recorder, [row]);
      await until(() => recorder.states.includes('failed'), 'the near side failed');
    }),
  );

  for (const [what, config] of BOTTLENECKS) {
    it(
      `delivers an unbroken beginning of what the peer floods us with when it is killed, through ${what}`,
      scoped(async (scope) => {
        const host = await ownPeer(context, scope);
        const { recorder } = await openLink(context, scope, {
          host,
          config,
          prepare: (near) => near.receive(),
        });
        await host.actions.flood(1500);
        await untilLocal(recorder, 200);
        host.signal('SIGKILL');
        await until(() => recorder.states.includes('failed'), 'the near side failed');
        expect(recorder.stateErrors.at(-1)?.code).to.equal('PeerDied');
        const { labels, count } = recorder.tally();
        expect(labels).to.deep.equal(
          Array.from({ length: labels.length }, (_, index) => expectedLabel(1500, index + 1)),
        );
        await turns(50);
        expect(recorder.tally().count).to.equal(count);
      }),
    );
  }

  for (const [what, config] of BOTTLENECKS) {
    it(
      `ends sends that wait with PeerDied when we flood a peer that is killed, through ${what}`,
      scoped(async (scope) => {
        const host = await ownPeer(context, scope);
        const { local, recorder } = await openLink(context, scope, {
          host,
          config: { ...config, sendTimeoutMs: 25_000 },
          peer: { receive: [] },
        });
        const sends = Array.from({ length: 500 }, (_, index) => local.send(messageOf(1000, index + 1)));
        for (let seed = 1; seed <= 30; seed += 1) sends.push(local.send(messageOf(MIB, seed)));
        await turns(20);
        host.signal('SIGKILL');
        const outcomes = (await within(Promise.all(sends), 'every send ended')).map(codeOf);
        expect([...new Set(outcomes)]).to.deep.equal(['ok', 'PeerDied']);
        await until(() => recorder.states.includes('failed'), 'the near side failed');
        expect(recorder.states.filter((state) => state === 'failed')).to.have.length(1);
        expect(codeOf(await local.send(messageOf(1, 1)))).to.equal('ConnectionClosed');
      }),
    );
  }

  it(
    'disconnects after the peer died',
    scoped(async (scope) => {
      const host = await ownPeer(context, scope);
      const { local, recorder } = await openLink(context, scope, { host });
      host.signal('SIGKILL');
      await until(() => recorder.states.includes('failed'), 'the near side failed');
      unwrap(await local.disconnect());
      expect(recorder.states.at(-1)).to.equal('failed');
    }),
  );

  it(
    'disconnects while the peer is dying',
    scoped(async (scope) => {
      const host = await ownPeer(context, scope);
      const { local } = await openLink(context, scope, { host, config: SMALL_LIMITS, peer: { receive: [] } });
      const sends = Array.from({ length: 300 }, (_, index) => local.send(messageOf(1000, index + 1)));
      host.signal('SIGKILL');
      unwrap(await within(local.disconnect(), 'disconnect() resolved'));
      await within(Promise.all(sends), 'every send ended');
    }),
  );

  if (context.side === 'server') return;

  it(
    'connects again after the peer died, to the server that took its place',
    scoped(async (scope) => {
      const first = await ownPeer(context, scope);
      const { local, recorder, clientConfig } = await openLink(context, scope, { host: first });
      first.signal('SIGKILL');
      await until(() => recorder.states.includes('failed'), 'the near side failed');
      // A socket that dies with this client in its queue resets it: that is a death, too.
      expect(codeOf(await local.connect())).to.be.oneOf([absenceCodeOf(context), 'PeerDied']);
      const second = await ownPeer(context, scope);
      await second.actions.listen(clientConfig);
      const accepted = second.actions.accept({ receive: [{}] });
      unwrap(await local.connect());
      await accepted;
      unwrap(await local.send(messageOf(10, 1)));
      await untilPeer(second.actions, 1);
    }),
  );
}

function describeAbortedGoodbye(context: ChapterContext): void {
  it(
    'gives the goodbye to a peer that takes nothing up when the signal aborts',
    scoped(async (scope) => {
      const { local } = await openLink(context, scope, { config: SMALL_MEDIUM, peer: { startReceiving: false } });
      unwrap(local.trySend(messageOf(MIB, 1)));
      expect(codeOf(await local.disconnect({ signal: AbortSignal.timeout(20) }))).to.equal('Aborted');
      expect(local.getState()).to.equal('disconnected');
    }),
  );
}

function describePause(context: ChapterContext): void {
  it(
    'reports a paused peer as unresponsive and later as responsive, with nothing lost',
    scoped(async (scope) => {
      const host = await ownPeer(context, scope);
      const { local, recorder, peer } = await openLink(context, scope, {
        host,
        config: { ...context.fixture.quickDetection, sendTimeoutMs: 25_000 },
      });
      const row = { lengths: [1000, 0, 20_000], count: 900 };
      scope.defer(() => host.signal('SIGCONT'));
      host.signal('SIGSTOP');
      const sending = sendRow(local, row);
      await until(() => recorder.responsiveness.length > 0, 'the peer was reported unresponsive');
      expect(recorder.responsiveness).to.deep.equal(['unresponsive']);
      expect(local.isConnected()).to.be.true;
      host.signal('SIGCONT');
      await until(() => recorder.responsiveness.length > 1, 'the peer was reported responsive');
      await sending;
      await expectPeerToHave(peer, [row]);
      expect(recorder.responsiveness.slice(0, 2)).to.deep.equal(['unresponsive', 'responsive']);
      expect(recorder.states).to.not.include('failed');
    }),
  );
}

function describeSilentServer(context: ChapterContext): void {
  if (context.side === 'server') return;

  it(
    'gives Timeout to connect() when the server does not answer',
    scoped(async (scope) => {
      const host = await ownPeer(context, scope);
      const config = mergeConfig(context.fixture, context.fixture.freshConfig(), { connectTimeoutMs: 150 });
      const clientConfig = context.fixture.clientConfig(config, await host.actions.listen(config));
      scope.defer(() => host.signal('SIGCONT'));
      host.signal('SIGSTOP');
      const connection = scope.add(context.fixture.createTransport().createConnection(clientConfig));
      const { states } = new Recorder(connection);
      expect(codeOf(await connection.connect())).to.equal('Timeout');
      expect(states).to.deep.equal(['connecting', 'failed']);
    }),
  );

  it(
    'is not hindered by what a killed server left behind',
    scoped(async (scope) => {
      const first = await ownPeer(context, scope);
      const config = context.fixture.freshConfig();
      const clientConfig = context.fixture.clientConfig(config, await first.actions.listen(config));
      first.signal('SIGKILL');
      await first.ended;
      const connection = scope.add(context.fixture.createTransport().createConnection(clientConfig));
      expect(codeOf(await connection.connect())).to.equal(absenceCodeOf(context));
      const second = await ownPeer(context, scope);
      await second.actions.listen(clientConfig);
      const accepted = second.actions.accept();
      unwrap(await connection.connect());
      await accepted;
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

/** Nothing was delivered after the end was reported. */
async function expectEndLast(peer: { log(): Promise<readonly string[]> }): Promise<void> {
  expect((await peer.log()).at(-1)).to.equal('state:disconnected');
}
