import { expect } from 'chai';
import { messageOf, type PeerHost, type Scope, scoped, startPeer, until } from '@entropynet/conformance/tools';
import { type ConnectionConfig, unwrap } from '@entropynet/core';
import type { TransportFixture } from '@entropynet/conformance';
import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';
import { webSocketFixture } from '../support/web-socket-fixture.js';
import { leaveOut } from '../support/leave-out.js';
import { Diary, managerOf, SOON } from './reconnection-support.js';

describeDeaths('shared memory', sharedMemoryFixture());
describeDeaths('WebSocket', webSocketFixture);

function describeDeaths(what: string, fixture: TransportFixture): void {
  describe(`connecting again over ${what} after the server was killed`, () => {
    before(async function () {
      const reason = await fixture.unavailableReason?.();
      if (reason !== undefined) leaveOut(this, reason);
    });

    after(() => fixture.dispose?.());

    it(
      'finds the next server of the name each time, and reports the possible loss',
      scoped(async (scope) => {
        const config = { ...fixture.freshConfig(), reconnect: SOON };
        let server = await startServer(scope, fixture, config);
        const clientConfig = { ...config, ...fixture.clientConfig(config, server.address) };
        const manager = managerOf(scope, fixture.createTransport());
        const handle = unwrap(manager.openConnection(clientConfig));
        const diary = new Diary(handle);
        unwrap(await handle.connect());
        for (let life = 1; life <= 3; life += 1) {
          for (let index = 0; index < 5; index += 1) unwrap(await handle.send(messageOf(1000, index)));
          server.host.signal('SIGKILL');
          await until(() => diary.attempts.length > 0, 'it was noticed');
          expect(diary.attempts[0]?.reason.code).to.equal('PeerDied');
          server = await startServer(scope, fixture, { ...config, endpoint: clientConfig.endpoint });
          await until(() => diary.outcomes.length === life, 'it was connected again');
          const outcome = diary.outcomes[life - 1];
          expect(outcome?.generation).to.equal(life + 1);
          expect(outcome?.atRisk).to.deep.equal({ messages: 5, bytes: 5000 });
          diary.attempts.length = 0;
        }
      }),
    );
  });
}

async function startServer(
  scope: Scope,
  fixture: TransportFixture,
  config: ConnectionConfig,
): Promise<{ host: PeerHost; address: string }> {
  const host = scope.add(await startPeer('other process', fixture.peerModule));
  const address = await host.actions.listen(config);
  void host.actions.accept({ receive: [{}] }).catch(() => undefined);
  return { host, address };
}
