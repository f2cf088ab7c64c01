import { expect } from 'chai';
import { readdirSync, readlinkSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import {
  codeOf,
  expectPeerToHave,
  messageOf,
  openLink,
  type Recorder,
  SIDES,
  startPeer,
  turns,
  until,
  untilLocal,
  untilPeer,
  within,
} from '@entropynet/conformance/tools';
import { type NetworkConnection, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager } from '@entropynet/manager';
import { SlotTable } from '@entropynet/manager/internal/slot-table';
import { freshName } from '../support/fresh-name.js';
import { STILL_ALIVE_EXIT_CODE } from '../support/exit-task.js';
import { runExitProgram } from '../support/run-exit-program.js';
import { webSocketFixture } from '../support/web-socket-fixture.js';
import { addon, describeFaults, faultTest, linux, rounds } from './support/fault-test.js';
import { contextOf, ended, ownFixture, ownProcess } from './support/processes.js';

describeFaults('life of a process', () => {
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

  const ENDINGS = [
    ['other process', 'process.exit', 0],
    ['other process', 'an uncaught exception', 1],
    ['other process', 'SIGTERM', 'SIGTERM'],
    ['worker thread', 'process.exit', 0],
    ['worker thread', 'an uncaught exception', 1],
    ['worker thread', 'worker.terminate', 1],
  ] as const;
  for (const [placement, ending, code] of ENDINGS) {
    for (const traffic of ['idle', 'flooding'] as const) {
      faultTest('F10', `a peer, ${placement}, ends by ${ending} while ${traffic}`, [addon], async (context) => {
        const { scope, saw } = context;
        const fixture = ownFixture(scope);
        const host = scope.add(await startPeer(placement, fixture.peerModule));
        const { local, recorder } = await openLink({ ...contextOf(fixture, 'server'), placement }, scope, {
          host,
          prepare: (near) => near.receive(),
        });
        if (traffic === 'flooding') {
          await host.actions.flood(3000);
          await untilLocal(recorder, 100);
        }
        const over = ended(local);
        if (ending === 'worker.terminate') await host[Symbol.asyncDispose]();
        else if (ending === 'SIGTERM') host.signal('SIGTERM');
        else void host.actions.end(ending === 'process.exit' ? 'exit' : 'throw').catch(() => undefined);
        expect(await within(host.ended, 'the peer ended')).to.equal(code);
        expect(await within(over, 'the survivor saw the end')).to.include({ state: 'failed', code: 'PeerDied' });
        saw(`PeerDied; the peer's exit: ${code}`);
      });
    }
  }

  for (const [quiet, code] of [
    ["unref'd connection", 0],
    ["ref'd connection", STILL_ALIVE_EXIT_CODE],
  ] as const) {
    faultTest('F11', `a process has nothing but an idle ${quiet}`, [addon], async ({ scope, saw }) => {
      const fixture = ownFixture(scope);
      const config = fixture.freshConfig();
      const server = scope.add(fixture.createTransport().createServer(config));
      unwrap(await server.listen());
      const life = { quiet, address: server.address()! };
      const running = runExitProgram({ module: fixture.peerModule, config, life });
      const accepted = scope.add(unwrap(await server.accept()));
      const over = ended(accepted);
      accepted.startReceiving();
      expect(await running).to.include({ code, signal: null });
      await within(over, 'the other process saw the end');
      saw(code === 0 ? 'exits by itself' : 'stays');
    });
  }

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

  faultTest('F15', 'a callback throws or rejects', [addon], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const host = await ownProcess(scope, fixture, {});
    const { local, recorder } = await openLink(contextOf(fixture, 'server'), scope, { host });
    const seen: number[] = [];
    local.setMessageCallback((data) => {
      seen.push(data.length);
      if (data.length % 3 === 0) throw new Error('a callback of the test');
      if (data.length % 3 === 1) return Promise.reject(new Error('a callback of the test'));
      return undefined;
    });
    const lengths = Array.from({ length: 300 }, (_, index) => index);
    await host.actions.send({ lengths });
    await until(() => seen.length === lengths.length, 'every message was delivered');
    expect(seen).to.deep.equal(lengths);
    await until(() => recorder.errors.length === 200, 'each failure was reported');
    expect(new Set(recorder.errors.map(({ code }) => code))).to.deep.equal(new Set(['CallbackFailed']));
    saw('300 messages delivered once, 200 failures reported once');
  });

  const REENTRIES: Readonly<Record<string, (connection: NetworkConnection) => unknown>> = {
    'disconnect()': (connection) => connection.disconnect(),
    'disconnect() twice': (connection) => Promise.all([connection.disconnect(), connection.disconnect()]),
    'setMessageCallback(null)': (connection) => {
      connection.setMessageCallback(null);
    },
    'release()': (connection) => connection.release(),
    'send() and disconnect()': (connection) => {
      void connection.send(messageOf(500_000, 1));
      return connection.disconnect();
    },
    'connect()': (connection) => connection.connect(),
  };
  for (const [what, reenter] of Object.entries(REENTRIES)) {
    faultTest('F16', `${what} inside the connection's own callback, under flood`, [addon], async ({ scope }) => {
      const fixture = ownFixture(scope);
      const host = await ownProcess(scope, fixture, {});
      const { local } = await openLink(contextOf(fixture, 'client'), scope, { host });
      let calls = 0;
      let callsAfterwards = 0;
      let done: Promise<unknown> | undefined;
      let isShut = false;
      local.setMessageCallback(() => {
        calls += 1;
        if (isShut) callsAfterwards += 1;
        done ??= Promise.resolve(reenter(local));
      });
      await host.actions.flood(1000);
      await until(() => calls > 0, 'a message came');
      await within(done!, 'the operation inside the callback ended');
      await within(local.disconnect(), 'disconnect() resolved');
      isShut = true;
      await host.actions.stopFlooding();
      await turns(20);
      expect(callsAfterwards).to.equal(0);
    });
  }

  faultTest('F17', 'a handle outlives its connection', [], async ({ scope, saw }) => {
    const manager = new ConnectionManager([new LoopbackTransport()], { capacity: 1 });
    scope.defer(() => manager.closeAll());
    const server = scope.add(unwrap(manager.createServer({ endpoint: `loopback://${freshName()}` })));
    const count = rounds(256, 4096);
    let stale = unwrap(manager.openConnection({ endpoint: 'loopback://nobody' }));
    for (let round = 0; round < count; round += 1) {
      await stale.close();
      const next = unwrap(manager.openConnection({ endpoint: 'loopback://nobody' }));
      expect(stale.valid()).to.equal(false);
      expect(codeOf(stale.trySend(messageOf(1, 1)))).to.equal('InvalidParameter');
      expect(codeOf(await stale.connect())).to.equal('InvalidParameter');
      expect(next.valid()).to.equal(true);
      stale = next;
    }
    await server.close();
    // The counter goes round once in four thousand million uses: the slot never takes the number that means none.
    const table = new SlotTable(1);
    table.giveBack({ index: 0, generation: 0xffff_ffff });
    expect(table.take()).to.deep.equal({ index: 0, generation: 1 });
    saw(`${count} uses of one slot: each old handle InvalidParameter`);
  });

  faultTest('L1', 'a program that the peer started outlives it', [addon, linux], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const host = await ownProcess(scope, fixture, {});
    const { local } = await openLink(contextOf(fixture, 'server'), scope, { host });
    const sleeper = await host.actions.spawnSleeper();
    scope.defer(() => process.kill(sleeper, 'SIGKILL'));
    const inherited = readdirSync(`/proc/${sleeper}/fd`).map((number) => readlinkSync(`/proc/${sleeper}/fd/${number}`));
    expect(inherited.filter((target) => /socket|memfd|entropynet/.test(target))).to.deep.equal([]);
    const over = ended(local);
    host.signal('SIGKILL');
    expect(await within(over, 'the survivor saw the end')).to.include({ code: 'PeerDied' });
    expect(process.kill(sleeper, 0)).to.equal(true);
    saw('PeerDied while the child lives; it has no descriptor of ours');
  });

  faultTest('L2', 'worker threads with connections are terminated', [addon], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const count = rounds(4, 50);
    for (let round = 0; round < count; round += 1) {
      const workers = await Promise.all([0, 1].map(() => startPeer('worker thread', fixture.peerModule)));
      const links = await Promise.all(
        workers.map((host) =>
          openLink({ ...contextOf(fixture, 'server'), placement: 'worker thread' }, scope, {
            host,
            prepare: (near) => near.receive(),
          }),
        ),
      );
      await Promise.all(workers.map((host) => host.actions.flood(5000)));
      await Promise.all(links.map(({ recorder }) => untilLocal(recorder, 50)));
      const over = links.map(({ local }) => ended(local));
      await Promise.all(workers.map((host) => host[Symbol.asyncDispose]()));
      for (const end of await within(Promise.all(over), 'both survivors saw the end')) {
        expect(end).to.include({ state: 'failed', code: 'PeerDied' });
      }
    }
    saw(`${2 * count} flooding workers terminated; each end PeerDied`);
  });

  for (const access of ['direct', 'copied'] as const) {
    faultTest(access === 'direct' ? 'L4' : ['L4', 'L3'], `memory under load, ${access}`, [addon], async (context) => {
      const { scope, saw } = context;
      const fixture = ownFixture(scope, { access });
      const host = await ownProcess(scope, fixture, {});
      const { local, recorder } = await openLink(contextOf(fixture, 'server'), scope, {
        host,
        prepare: (near) => near.receive(),
      });
      const chunk = rounds(20_000, 200_000);
      await sendAndReceive(local, recorder, chunk, host.actions);
      const before = resident();
      for (let part = 0; part < 4; part += 1) await sendAndReceive(local, recorder, chunk, host.actions);
      const grown = resident() - before;
      // Far less than the 300 bytes a message that were sent: nothing of them is kept.
      expect(grown).to.be.lessThan(Math.max(32 * 1024 * 1024, chunk * 4 * 30));
      saw(`${4 * chunk} messages each way: ${(grown / 1048576).toFixed(1)} MiB more resident`);
    });
  }
});

/** Messages in both directions. */
async function sendAndReceive(
  local: NetworkConnection,
  recorder: Recorder,
  count: number,
  peer: Parameters<typeof untilPeer>[0],
): Promise<void> {
  const received = recorder.tally().count;
  const arrived = await peer.count();
  const sending = peer.send({ lengths: [300], count });
  for (let index = 0; index < count; index += 1) unwrap(await local.send(messageOf(300, index)));
  await sending;
  await untilLocal(recorder, received + count);
  await untilPeer(peer, arrived + count);
}

function resident(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage.rss();
}
