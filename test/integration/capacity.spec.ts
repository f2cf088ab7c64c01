import { type Scope, scoped, until } from '@entropynet/conformance/tools';
import { type Result, unwrap } from '@entropynet/core';
import type { TransportFixture } from '@entropynet/conformance';
import { LoopbackTransport } from '@entropynet/core/testing';
import { type ConnectionHandle, ConnectionManager, type ManagedServer } from '@entropynet/manager';
import { expect } from 'chai';
import { freshName } from '../support/fresh-name.js';
import { loopbackFixture } from '../support/loopback-fixture.js';
import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';
import { webSocketFixture } from '../support/web-socket-fixture.js';
import { leaveOut } from '../support/leave-out.js';

const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.error.code);

function managerOf(scope: Scope, fixture: TransportFixture, capacity: number): ConnectionManager {
  const manager = new ConnectionManager([fixture.createTransport()], { capacity, log: () => undefined });
  scope.defer(() => manager.closeAll());
  return manager;
}

/** Like the first server of the guide, it answers each client and closes no handle. */
async function serve(server: ManagedServer): Promise<void> {
  for await (const client of server) client.setMessageCallback((data) => void client.send(data));
}

/** A client asks, gets its answer and leaves. */
async function visit(handle: ConnectionHandle): Promise<void> {
  const answered = new Promise((resolve) => {
    handle.setMessageCallback(resolve);
  });
  unwrap(await handle.connect());
  unwrap(await handle.send(Uint8Array.of(7)));
  await answered;
  unwrap(await handle.close());
}

function describeCapacity(name: string, fixture: TransportFixture, visits: number): void {
  describe(`the capacity of a manager over ${name}`, function () {
    this.timeout(120_000);

    before(async function () {
      const reason = await fixture.unavailableReason?.();
      if (reason !== undefined) leaveOut(this, reason);
    });

    after(() => fixture.dispose?.());

    it(
      `serves ${visits} clients with four slots, and closes no handle`,
      scoped(async (scope) => {
        const manager = managerOf(scope, fixture, 4);
        const clients = managerOf(scope, fixture, 1);
        const config = fixture.freshConfig();
        const server = unwrap(manager.createServer(config));
        unwrap(await server.listen());
        const serving = serve(server);
        const clientConfig = fixture.clientConfig(config, server.addresses()[0]!);
        for (let count = 0; count < visits; count += 1) {
          await visit(unwrap(clients.openConnection(clientConfig)));
          await until(() => manager.activeCount() === 0, 'the slot is free');
        }
        expect(manager.getManagerMetrics().connectionsOpened).to.equal(visits);
        await server.close();
        await serving;
      }),
    );

    it(
      '[HANDLE-3] frees the slot of an accepted connection that ended; its handle answers until it is closed',
      scoped(async (scope) => {
        const manager = managerOf(scope, fixture, 1);
        const clients = managerOf(scope, fixture, 1);
        const config = fixture.freshConfig();
        const server = unwrap(manager.createServer(config));
        unwrap(await server.listen());
        const client = unwrap(clients.openConnection(fixture.clientConfig(config, server.addresses()[0]!)));
        unwrap(await client.connect());
        const accepted = unwrap(await server.accept());
        expect(manager.activeCount()).to.equal(1);
        unwrap(await client.send(Uint8Array.of(1, 2, 3)));
        unwrap(await client.close());
        expect(await accepted.closed).to.deep.equal({ state: 'disconnected' });
        expect(manager.activeCount()).to.equal(0);
        const next = unwrap(manager.openConnection(config));
        expect(next.handleIndex()).to.equal(accepted.handleIndex());
        expect(next.equals(accepted)).to.equal(false);

        expect(accepted.valid()).to.equal(true);
        expect(accepted.getState()).to.equal('disconnected');
        expect(codeOf(await accepted.connect())).to.equal('NotSupported');
        expect(codeOf(accepted.trySend(Uint8Array.of(1)))).to.equal('ConnectionClosed');
        const copy = accepted.copy();
        expect(copy?.equals(accepted)).to.equal(true);
        const received: number[] = [];
        for await (const message of accepted.messages()) received.push(...message);
        expect(received).to.deep.equal([1, 2, 3]);
        expect(accepted.getStats()).to.include({ messagesReceived: 1, bytesReceived: 3 });

        unwrap(await accepted.close());
        unwrap(await copy!.close());
        expect([accepted.valid(), copy!.valid(), next.valid()]).to.deep.equal([false, false, true]);
        expect(codeOf(accepted.trySend(Uint8Array.of(1)))).to.equal('InvalidParameter');
        expect(manager.activeCount()).to.equal(1);
      }),
    );

    it(
      '[HANDLE-4] refuses a client while all slots are in use before its connect() resolves, and takes one after a client left',
      scoped(async (scope) => {
        const manager = managerOf(scope, fixture, 2);
        const clients = managerOf(scope, fixture, 8);
        const config = fixture.freshConfig();
        const server = unwrap(manager.createServer(config));
        unwrap(await server.listen());
        const serving = serve(server);
        const clientConfig = fixture.clientConfig(config, server.addresses()[0]!);
        const open = (): ConnectionHandle => unwrap(clients.openConnection(clientConfig));
        const inside = [open(), open()];
        for (const client of inside) unwrap(await client.connect());
        const outside = open();
        expect(codeOf(await outside.connect())).to.equal('ResourceLimitExceeded');
        expect(outside.getState()).to.equal('failed');
        unwrap(await inside[0]!.disconnect());
        await until(() => manager.activeCount() === 1, 'the server saw the end');
        await visit(outside);
        // No refusal and no visit kept a slot.
        await until(() => manager.activeCount() === 1, 'the server saw the end of the visit');
        unwrap(await inside[0]!.connect());
        await until(() => manager.activeCount() === 2, 'all slots are in use');
        expect(codeOf(manager.openConnection(config))).to.equal('ResourceLimitExceeded');
        await server.close();
        await serving;
      }),
    );

    it(
      'frees the slots of clients that nobody accepted when the server closes',
      scoped(async (scope) => {
        const manager = managerOf(scope, fixture, 2);
        const clients = managerOf(scope, fixture, 2);
        const config = fixture.freshConfig();
        const server = unwrap(manager.createServer(config));
        unwrap(await server.listen());
        const clientConfig = fixture.clientConfig(config, server.addresses()[0]!);
        const connecting = [0, 1].map(() => unwrap(clients.openConnection(clientConfig)).connect());
        expect((await Promise.all(connecting)).map(codeOf)).to.deep.equal(['ok', 'ok']);
        unwrap(await server.close());
        await until(() => manager.activeCount() === 0, 'the slots are free');
        const opened = [0, 1].map(() => manager.openConnection(config));
        expect(opened.map(codeOf)).to.deep.equal(['ok', 'ok']);
      }),
    );

    it(
      'uses no slot for clients that left before anybody accepted them',
      scoped(async (scope) => {
        const manager = managerOf(scope, fixture, 2);
        const clients = managerOf(scope, fixture, 1);
        const config = fixture.freshConfig();
        const server = unwrap(manager.createServer(config));
        unwrap(await server.listen());
        const clientConfig = fixture.clientConfig(config, server.addresses()[0]!);
        for (let index = 0; index < 6; index += 1) {
          const client = unwrap(clients.openConnection(clientConfig));
          unwrap(await client.connect());
          unwrap(await client.send(Uint8Array.of(index)));
          unwrap(await client.close());
          await until(() => manager.getManagerMetrics().connectionsClosed === index + 1, 'the server saw the end');
        }
        expect(manager.activeCount()).to.equal(0);
        for (let index = 0; index < 6; index += 1) {
          const left = unwrap(await server.accept());
          for await (const message of left.messages()) expect([...message]).to.deep.equal([index]);
          expect(left.getStats().messagesReceived).to.equal(1);
        }
      }),
    );
  });
}

describe('the capacity of a manager', () => {
  it('also closes the handles of ended connections', async () => {
    const manager = new ConnectionManager([new LoopbackTransport()]);
    const endpoint = freshName();
    const server = unwrap(manager.createServer({ endpoint }));
    unwrap(await server.listen());
    const client = unwrap(manager.openConnection({ endpoint }));
    unwrap(await client.connect());
    const accepted = unwrap(await server.accept());
    unwrap(await client.disconnect());
    await accepted.closed;
    expect([accepted.valid(), manager.isValidHandle(accepted)]).to.deep.equal([true, true]);
    await manager.closeAll();
    expect([accepted.valid(), manager.isValidHandle(accepted)]).to.deep.equal([false, false]);
    expect(codeOf(accepted.trySend(Uint8Array.of(1)))).to.equal('InvalidParameter');
    expect(codeOf(await accepted.connect())).to.equal('InvalidParameter');
    expect(accepted.copy()).to.equal(undefined);
  });

  it('frees the slot when this side ends the connection, and keeps it while a connection can reconnect', async () => {
    const manager = new ConnectionManager([new LoopbackTransport()]);
    const endpoint = freshName();
    const server = unwrap(manager.createServer({ endpoint }));
    unwrap(await server.listen());
    const client = unwrap(manager.openConnection({ endpoint }));
    unwrap(await client.connect());
    const accepted = unwrap(await server.accept());
    expect(manager.activeCount()).to.equal(2);
    unwrap(await accepted.disconnect());
    await client.closed;
    expect(manager.activeCount()).to.equal(1);
    expect(accepted.valid()).to.equal(true);
    unwrap(await client.connect());
    expect(unwrap(await server.accept()).handleIndex()).to.equal(accepted.handleIndex());
    await manager.closeAll();
    expect(manager.activeCount()).to.equal(0);
  });
});

describeCapacity('the loopback', loopbackFixture, 3000);
describeCapacity('shared memory', sharedMemoryFixture(), 300);
describeCapacity('WebSocket', webSocketFixture, 300);
