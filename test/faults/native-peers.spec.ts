import { expect } from 'chai';
import { expectPeerToHave, labelOf, messageOf, openLink, SIDES, turns, until } from '@entropynet/conformance/tools';
import { C } from '../native-peer/support/languages.js';
import { buildNative, type NativeBuild } from '../native-peer/support/native-library.js';
import { addon, describeFaults, faultTest, rounds } from './support/fault-test.js';
import { contextOf, expectServing, ownFixture } from './support/processes.js';

/** A program in C at the other end. */
const library = () => C.missing();

describeFaults('peers in C', () => {
  let build: NativeBuild;

  before(function () {
    this.timeout(180_000);
    if (C.missing() === undefined) build = buildNative('', [C.target]);
  });

  after(() => {
    build?.dispose();
  });

  for (const side of SIDES) {
    const what = side === 'client' ? 'a server in C is killed' : 'a client in C is killed';

    faultTest('F26', `${what} while both sides send`, [addon, library], async ({ scope, saw }) => {
      const fixture = ownFixture(scope);
      const count = rounds(3, 100);
      for (let round = 1; round <= count; round += 1) {
        const host = await C.start(build);
        const { local, recorder } = await openLink(contextOf(fixture, side), scope, {
          host,
          config: { channelWindow: 65_536, sendTimeoutMs: 25_000 },
          prepare: (near) => near.receive(),
        });
        await host.actions.flood(1500);
        const sends = Array.from({ length: 200 }, (_, index) => local.send(messageOf(1000, index)));
        await until(() => recorder.tally().count > 20 * round, 'the flood is on its way');
        host.signal('SIGKILL');
        await Promise.all([host.ended, ...sends]);
        await until(() => recorder.states.includes('failed'), 'the end was reported');
        await turns(50);
        expect(recorder.states.filter((state) => state === 'failed')).to.have.length(1);
        expect(recorder.stateErrors.at(-1)?.code).to.equal('PeerDied');
        const { labels } = recorder.tally();
        expect(labels).to.deep.equal(labels.map((_, index) => labelOf(messageOf(1500, index + 1))));
        await local.disconnect();
      }
      // A killed server leaves its two names, and the next server replaces them.
      const config = fixture.freshConfig();
      const host = await C.start(build);
      await host.actions.listen(config);
      host.signal('SIGKILL');
      await host.ended;
      const server = scope.add(fixture.createTransport().createServer(config));
      expect((await server.listen()).ok).to.equal(true);
      await expectServing(scope, fixture, config, () => server.accept());
      saw(`${count} died, each reported once; whole messages before it`);
    });

    const stopped = side === 'client' ? 'a server in C is stopped' : 'a client in C is stopped';
    faultTest('F27', `${stopped} and continued`, [addon, library], async ({ scope, saw }) => {
      const fixture = ownFixture(scope);
      const host = scope.add(await C.start(build));
      const { local, recorder, peer } = await openLink(contextOf(fixture, side), scope, {
        host,
        config: { ...fixture.quickDetection, sendTimeoutMs: 25_000 },
      });
      host.signal('SIGSTOP');
      const row = { lengths: [1000, 0, 20_000], count: 900 };
      const sends = Array.from({ length: row.count }, (_, index) =>
        local.send(messageOf(row.lengths[index % 3] as number, index + 1)),
      );
      await until(() => recorder.responsiveness.length > 0, 'the peer was reported unresponsive');
      host.signal('SIGCONT');
      await until(() => recorder.responsiveness.length > 1, 'the peer was reported responsive');
      expect((await Promise.all(sends)).every(({ ok }) => ok)).to.equal(true);
      await expectPeerToHave(peer, [row]);
      expect(recorder.responsiveness.slice(0, 2)).to.deep.equal(['unresponsive', 'responsive']);
      expect(recorder.states).to.not.include('failed');
      saw(`${row.count} messages arrived after it went on`);
    });
  }
});
