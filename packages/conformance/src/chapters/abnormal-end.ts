import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import {
  absenceCodeOf,
  BOTTLENECKS,
  mergeConfig,
  openLink,
  ownPeer,
  skippedTest,
  SMALL_LIMITS,
  type ChapterContext,
} from '../chapter-context.js';
import { codeOf, expectLocalToHave, expectPeerToHave, untilLocal, untilPeer } from '../expectations.js';
import { expectedLabel, messageOf } from '../support/messages.js';
import { Recorder } from '../support/recorder.js';
import { scoped } from '../support/scope.js';
import { sendRow } from '../support/sending.js';
import { turns, until, within } from '../support/until.js';

const MIB = 1024 * 1024;

/** Why a test can't pause a process here; undefined where it can. */
const NO_PAUSE = reasonAgainstPausing();

function reasonAgainstPausing(): string | undefined {
  if (!('process' in globalThis)) return undefined;
  if (process.platform === 'win32') return 'this system can not pause a process';
  // Deno never reaches such a child again: no signal continues or ends it.
  return 'deno' in process.versions ? 'Deno takes a paused child for an ended one' : undefined;
}

/** Contract, DEATH: the end without a goodbye. */
export function describeAbnormalEnd(context: ChapterContext): void {
  describe('abnormal end', () => {
    if (context.capabilities.detectsPeerDeath) describeDeath(context);
    else
      skippedTest(
        '[DEATH-1] [DEATH-2] [DEATH-3] [DEATH-4] reports the death of the peer',
        'the transport does not detect it',
      );
    if (!context.capabilities.detectsUnresponsive)
      skippedTest('[DEATH-5] reports a peer that is paused', 'the transport does not detect it');
    else if (NO_PAUSE === undefined) describePause(context);
    else skippedTest('[DEATH-5] reports a peer that is paused', NO_PAUSE);
    if (context.side === 'client') describeLostServers(context);
  });
}

function describeDeath(context: ChapterContext): void {
  const deaths = [
    ['is killed', 'SIGKILL'],
    ['exits without a goodbye', 'exit'],
    ['throws an uncaught exception', 'throw'],
  ] as const;
  for (const [what, how] of deaths) {
    it(
      `[DEATH-1] reports failed with PeerDied, once, when the idle peer ${what}`,
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
    '[DEATH-2] delivers the committed messages of a dead peer, then reports its death',
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
    '[DEATH-2] keeps the committed messages of a dead peer for a later callback',
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
      `[DEATH-2] delivers an unbroken start of a flood when the flooding peer is killed, through ${what}`,
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
      `[DEATH-3] ends waiting sends with PeerDied when the flooded peer is killed, through ${what}`,
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
    '[DEATH-4] disconnects after the peer died',
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
    '[DEATH-4] disconnects while the peer is dying',
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
    '[DEATH-4] connects again after the peer died, to the server that took its place',
    scoped(async (scope) => {
      const first = await ownPeer(context, scope);
      const { local, recorder, serverConfig } = await openLink(context, scope, { host: first });
      first.signal('SIGKILL');
      await until(() => recorder.states.includes('failed'), 'the near side failed');
      // The system closes the socket that it listens at, too. In between, a client could still get into the queue.
      await within(first.ended, 'the peer process ended');
      expect(codeOf(await local.connect())).to.equal(absenceCodeOf(context));
      const second = await ownPeer(context, scope);
      await second.actions.listen(serverConfig);
      const accepted = second.actions.accept({ receive: [{}] });
      unwrap(await local.connect());
      await accepted;
      unwrap(await local.send(messageOf(10, 1)));
      await untilPeer(second.actions, 1);
    }),
  );
}

function describePause(context: ChapterContext): void {
  it(
    '[DEATH-5] reports a paused peer as unresponsive and later as responsive, with nothing lost',
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
  const title = '[STATE-5] gives Timeout to connect() when the server does not answer';
  if (NO_PAUSE !== undefined) {
    skippedTest(title, NO_PAUSE);
    return;
  }
  it(
    title,
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
}

function describeLostServers(context: ChapterContext): void {
  describeSilentServer(context);

  it(
    '[DEATH-4] connects despite the leftovers of a killed server',
    scoped(async (scope) => {
      const first = await ownPeer(context, scope);
      const config = context.fixture.freshConfig();
      const address = await first.actions.listen(config);
      const clientConfig = context.fixture.clientConfig(config, address);
      first.signal('SIGKILL');
      await first.ended;
      const connection = scope.add(context.fixture.createTransport().createConnection(clientConfig));
      expect(codeOf(await connection.connect())).to.equal(absenceCodeOf(context));
      const second = await ownPeer(context, scope);
      await second.actions.listen({ ...config, endpoint: address });
      const accepted = second.actions.accept();
      unwrap(await connection.connect());
      await accepted;
    }),
  );
}
