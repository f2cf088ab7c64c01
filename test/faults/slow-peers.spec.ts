import { expect } from 'chai';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import {
  codeOf,
  expectPeerToHave,
  messageOf,
  openLink,
  SIDES,
  turns,
  until,
  untilLocal,
} from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { webSocketFixture } from '../support/web-socket-fixture.js';
import { addon, describeFaults, faultTest, rounds } from './support/fault-test.js';
import { contextOf, ownFixture, ownProcess } from './support/processes.js';

describeFaults('slow peers and clocks', () => {
  for (const side of SIDES) {
    faultTest('F9', `a peer is stopped and goes on, this side the ${side}`, [addon], async ({ scope, saw }) => {
      const fixture = ownFixture(scope);
      const host = await ownProcess(scope, fixture, {});
      const { local, recorder } = await openLink(contextOf(fixture, side), scope, {
        host,
        config: { sharedMemory: { unresponsiveAfterMs: 500 } },
      });
      host.signal('SIGSTOP');
      const started = performance.now();
      let sent = 0;
      while (local.trySend(messageOf(1000, sent + 1)).ok) sent += 1;
      await until(() => recorder.responsiveness.includes('unresponsive'), 'the stopped peer is seen');
      await pause(rounds(1000, 30_000));
      expect(local.getState()).to.equal('connected');
      expect(codeOf(local.trySend(messageOf(1000, 1)))).to.equal('WouldBlock');
      host.signal('SIGCONT');
      await until(() => recorder.responsiveness.includes('responsive'), 'the peer is seen to go on');
      await until(() => recorder.drains.length > 0, 'there is room again');
      await expectPeerToHave(host.actions, [{ lengths: [1000], count: sent }]);
      expect(recorder.responsiveness).to.deep.equal(['unresponsive', 'responsive']);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      saw(`stopped for ${seconds} s: unresponsive, WouldBlock, responsive, ${sent} messages intact`);
    });
  }

  faultTest('F9', "a peer's event loop is busy", [addon], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const host = await ownProcess(scope, fixture, {});
    const { local, recorder } = await openLink(contextOf(fixture, 'server'), scope, {
      host,
      config: { sharedMemory: { unresponsiveAfterMs: 500 }, sendTimeoutMs: 60_000 },
    });
    const seconds = rounds(2, 20);
    const busy = host.actions.keepBusy(seconds * 1000);
    // All the time: what is sent before the peer has begun to be busy may be read at once.
    let sent = 0;
    await until(() => {
      if (local.trySend(messageOf(1000, sent + 1)).ok) sent += 1;
      return recorder.responsiveness.includes('unresponsive');
    }, 'the busy peer is seen');
    await busy;
    await expectPeerToHave(host.actions, [{ lengths: [1000], count: sent }]);
    expect(local.getState()).to.equal('connected');
    saw(`busy for ${seconds} s: unresponsive, then every message`);
  });

  faultTest('F12', 'a wake-up is lost', [addon], async ({ scope, saw }) => {
    const fixture = ownFixture(scope, { wait: 'sleep' });
    const host = await ownProcess(scope, fixture);
    const { recorder } = await openLink(contextOf(fixture, 'server'), scope, {
      host,
      prepare: (near) => near.receive(),
    });
    await host.actions.send({ lengths: [5], count: 1 });
    await untilLocal(recorder, 1);
    await turns(5);
    await host.actions.armStep({ name: 'send: sleeper claimed', does: 'skip' });
    await host.actions.send({ lengths: [5], count: 1, seed: 2 });
    const sent = performance.now();
    await untilLocal(recorder, 2);
    saw(`delivered ${(performance.now() - sent).toFixed(0)} ms after it was sent`);
  });

  // Longer than a busy machine keeps a process waiting, and far shorter than a day.
  const BEAT_MS = 500;
  for (const [what, fixtureOf, detection] of [
    ['shared memory', ownFixture, { sharedMemory: { unresponsiveAfterMs: BEAT_MS } }],
    ['WebSocket', () => webSocketFixture, { webSocket: { heartbeat: { intervalMs: BEAT_MS, timeoutMs: 30_000 } } }],
  ] as const) {
    faultTest('F14', `the clock jumps by days, ${what}`, what === 'WebSocket' ? [] : [addon], async ({ scope }) => {
      const fixture = fixtureOf(scope);
      const now = Date.now;
      scope.defer(() => (Date.now = now));
      const host = await ownProcess(scope, fixture, {});
      const { local, recorder } = await openLink(contextOf(fixture, 'server'), scope, {
        host,
        config: detection,
        peer: { receive: [{ echo: true }] },
        prepare: (near) => near.receive(),
      });
      for (const days of [1, -2, 400, 0]) {
        Date.now = () => now() + days * 86_400_000;
        const before = recorder.tally().count;
        unwrap(await local.send(messageOf(100, 1)));
        await untilLocal(recorder, before + 1);
        await pause(BEAT_MS + 100);
      }
      expect(local.getState()).to.equal('connected');
      expect(recorder.responsiveness).to.deep.equal([]);
    });
  }
});
