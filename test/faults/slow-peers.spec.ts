import { expect } from 'chai';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import {
  codeOf,
  expectPeerToHave,
  type Link,
  type LinkConfig,
  messageOf,
  openLink,
  type Scope,
  type Side,
  SIDES,
  turns,
  until,
  untilLocal,
} from '@entropynet/conformance/tools';
import type { TransportFixture } from '@entropynet/conformance';
import { unwrap } from '@entropynet/core';
import { webSocketFixture } from '../support/web-socket-fixture.js';
import { addon, describeFaults, faultTest, type Requirement, rounds } from './support/fault-test.js';
import { contextOf, ownFixture, ownProcess } from './support/processes.js';

/** Longer than a process waits on a busy machine, and far shorter than a day. */
const BEAT_MS = 500;

/** A transport whose signs of life go by a clock. */
interface Clocked {
  readonly what: string;
  readonly needs: readonly Requirement[];
  readonly fixtureOf: (scope: Scope) => TransportFixture;
  /** Lets it notice a silent peer after `BEAT_MS`. */
  readonly detection: LinkConfig;
}

const CLOCKED: readonly Clocked[] = [
  {
    what: 'shared memory',
    needs: [addon],
    fixtureOf: ownFixture,
    detection: { sharedMemory: { unresponsiveAfterMs: BEAT_MS } },
  },
  {
    what: 'WebSocket',
    needs: [],
    fixtureOf: () => webSocketFixture,
    detection: { webSocket: { heartbeat: { intervalMs: BEAT_MS, timeoutMs: 30_000 } } },
  },
];

describeFaults('slow peers and clocks', () => {
  faultTest('F9', 'peers are stopped and go on, on either side', [addon], async ({ scope, saw }) => {
    const seen = await Promise.all(SIDES.map((side) => stopAndContinue(scope, side)));
    saw(seen.join('; '));
  });

  faultTest('F9', "a peer's event loop is busy", [addon], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const host = await ownProcess(scope, fixture, {});
    const { local, recorder } = await openLink(contextOf(fixture, 'server'), scope, {
      host,
      config: { sharedMemory: { unresponsiveAfterMs: BEAT_MS }, sendTimeoutMs: 60_000 },
    });
    const seconds = rounds(2, 20);
    const busy = host.actions.keepBusy(seconds * 1000);
    // The test sends all the time, because the peer may read the first messages before it is busy.
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

  faultTest('F14', 'the clock jumps by days', [], async ({ scope, saw }) => {
    const now = Date.now;
    scope.defer(() => (Date.now = now));
    const transports = CLOCKED.filter(({ needs }) => needs.every((need) => need() === undefined));
    const links = await Promise.all(transports.map((each) => echoingLink(scope, each)));
    for (const days of [1, -2, 400, 0]) {
      Date.now = () => now() + days * 86_400_000;
      for (const { local, recorder } of links) {
        const before = recorder.tally().count;
        unwrap(await local.send(messageOf(100, 1)));
        await untilLocal(recorder, before + 1);
      }
      await pause(BEAT_MS + 100);
    }
    for (const { local, recorder } of links) {
      expect(local.getState()).to.equal('connected');
      expect(recorder.responsiveness).to.deep.equal([]);
    }
    saw(`no effect over ${transports.map(({ what }) => what).join(' and ')}`);
  });
});

/** A connection to a process that echoes. */
async function echoingLink(scope: Scope, { fixtureOf, detection }: Clocked): Promise<Link> {
  const fixture = fixtureOf(scope);
  const host = await ownProcess(scope, fixture, {});
  return await openLink(contextOf(fixture, 'server'), scope, {
    host,
    config: detection,
    peer: { receive: [{ echo: true }] },
    prepare: (near) => near.receive(),
  });
}

/** Stops a peer for a while, with this process on the given side. Returns what this process saw. */
async function stopAndContinue(scope: Scope, side: Side): Promise<string> {
  const fixture = ownFixture(scope);
  const host = await ownProcess(scope, fixture, {});
  const { local, recorder } = await openLink(contextOf(fixture, side), scope, {
    host,
    config: { sharedMemory: { unresponsiveAfterMs: BEAT_MS } },
  });
  host.signal('SIGSTOP');
  const started = performance.now();
  let sent = 0;
  while (local.trySend(messageOf(1000, sent + 1)).ok) sent += 1;
  await until(() => recorder.responsiveness.includes('unresponsive'), 'the stopped peer is seen');
  await pause(rounds(200, 30_000));
  expect(local.getState()).to.equal('connected');
  expect(codeOf(local.trySend(messageOf(1000, 1)))).to.equal('WouldBlock');
  host.signal('SIGCONT');
  await until(() => recorder.responsiveness.includes('responsive'), 'the peer is seen to go on');
  await until(() => recorder.drains.length > 0, 'there is room again');
  await expectPeerToHave(host.actions, [{ lengths: [1000], count: sent }]);
  expect(recorder.responsiveness.slice(0, 2)).to.deep.equal(['unresponsive', 'responsive']);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  return `as ${side} stopped for ${seconds} s: unresponsive, WouldBlock, responsive, ${sent} messages intact`;
}
