import { expect } from 'chai';
import { codeOf, messageOf, openLink, turns, until, within } from '@entropynet/conformance/tools';
import { type NetworkConnection, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager } from '@entropynet/manager';
import { SlotTable } from '@entropynet/manager/internal/slot-table';
import { freshName } from '../support/fresh-name.js';
import { addon, describeFaults, faultTest, rounds } from './support/fault-test.js';
import { contextOf, ownFixture, ownProcess } from './support/processes.js';

describeFaults('callbacks and handles', () => {
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
    // The counter wraps after four thousand million uses. The slot never takes the number that stands for no handle.
    const table = new SlotTable(1);
    table.giveBack({ index: 0, generation: 0xffff_ffff });
    expect(table.take()).to.deep.equal({ index: 0, generation: 1 });
    saw(`${count} uses of one slot: each old handle InvalidParameter`);
  });
});
