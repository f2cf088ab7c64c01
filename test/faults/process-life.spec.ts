import { expect } from 'chai';
import { readdirSync, readlinkSync } from 'node:fs';
import { openLink, startPeer, untilLocal, within } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { STILL_ALIVE_EXIT_CODE } from '../support/exit-task.js';
import { runExitProgram } from '../support/run-exit-program.js';
import { addon, describeFaults, faultTest, linux, rounds } from './support/fault-test.js';
import { contextOf, ended, ownFixture, ownProcess } from './support/processes.js';

describeFaults('life of a process', () => {
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
    const count = rounds(2, 50);
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
});
