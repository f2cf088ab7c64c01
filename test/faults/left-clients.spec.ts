import { expect } from 'chai';
import { codeOf, messageOf } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { SharedMemoryServer } from '@entropynet/transport-shm';
import { addon, describeFaults, faultTest } from './support/fault-test.js';
import { rawConnect } from './support/hostile.js';
import { ended, expectServing, ownFixture } from './support/processes.js';

describeFaults('clients that left', () => {
  for (const isAccepted of [false, true]) {
    const when = isAccepted ? 'after it was accepted and before anything was received' : 'before it was accepted';
    faultTest('F24', `a client dies ${when}`, [addon], async ({ scope, saw }) => {
      const fixture = ownFixture(scope);
      const config = fixture.freshConfig();
      const server = scope.add(
        new SharedMemoryServer({ ...config, sharedMemory: { ...config.sharedMemory, maxConnections: 2 } }),
      );
      unwrap(await server.listen());
      for (let round = 0; round < 5; round += 1) {
        const raw = await rawConnect(scope, config);
        if (isAccepted) scope.add(unwrap(await server.accept()));
        raw.socket.close();
      }
      // One client is still connected, because a place was free for it.
      if (!isAccepted) scope.add(unwrap(await server.accept()));
      await expectServing(scope, fixture, config, () => server.accept());
      saw('5 died, with 2 places; the next is served');
    });
  }

  faultTest('F24', 'a client leaves messages', [addon], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const config = fixture.freshConfig();
    const server = scope.add(
      new SharedMemoryServer({ ...config, sharedMemory: { ...config.sharedMemory, maxConnections: 1 } }),
    );
    unwrap(await server.listen());
    const leaving = scope.add(fixture.createTransport().createConnection(config));
    unwrap(await leaving.connect());
    unwrap(await leaving.send(messageOf(1000, 5)));
    await leaving.disconnect();
    const next = scope.add(fixture.createTransport().createConnection(config));
    expect(codeOf(await next.connect())).to.equal('ResourceLimitExceeded');
    const accepted = scope.add(unwrap(await server.accept()));
    const over = ended(accepted);
    const received: Uint8Array[] = [];
    accepted.setMessageCallback((bytes) => received.push(bytes));
    accepted.startReceiving();
    expect((await over).state).to.equal('disconnected');
    expect(received).to.deep.equal([messageOf(1000, 5)]);
    unwrap(await next.connect());
    saw('they are delivered when it is accepted; until then it holds its place');
  });
});
