import { Scope, until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { ConnectionManager } from '@entropynet/manager';
import { SharedMemoryTransport } from '@entropynet/transport-shm';
import { WebSocketTransport } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { freshName } from '../support/fresh-name.js';

describe('broadcast of a managed server', () => {
  const scope = new Scope();

  afterEach(() => scope.dispose());

  it('reaches clients of every transport, and names the handle of one that is full', async () => {
    const manager = new ConnectionManager([new SharedMemoryTransport(), new WebSocketTransport()]);
    scope.defer(() => manager.closeAll());
    const server = unwrap(
      manager.createServer({ endpoint: freshName(), fallback: ['ws://127.0.0.1:0/scores'], channelWindow: 64 * 1024 }),
    );
    unwrap(await server.listen());
    const received = new Map<string, number>();
    const accepted = [];
    for (const endpoint of server.addresses()) {
      const client = unwrap(manager.openConnection({ endpoint, channelWindow: 64 * 1024 }));
      unwrap(await client.connect());
      client.setMessageCallback((data) => received.set(endpoint, data.length));
      accepted.push(unwrap(await server.accept()));
    }
    expect(accepted.map((handle) => handle.getBackend())).to.have.members(['shared-memory', 'websocket']);
    expect(unwrap(server.broadcast(new Uint8Array(300)))).to.deep.equal({ sent: 2, skipped: [] });
    await until(() => received.size === 2, 'both clients have the message');
    expect([...received.values()]).to.deep.equal([300, 300]);

    // Another client, which reads nothing.
    const slow = unwrap(manager.openConnection({ endpoint: server.addresses()[1]!, channelWindow: 64 * 1024 }));
    unwrap(await slow.connect());
    const slowAccepted = unwrap(await server.accept());
    while (slowAccepted.trySend(new Uint8Array(1000)).ok);
    const outcome = unwrap(server.broadcast(new Uint8Array(1000)));
    expect(outcome.sent).to.equal(2);
    expect(outcome.skipped).to.have.lengthOf(1);
    expect(outcome.skipped[0]!.connection).to.equal(slowAccepted);
    expect(outcome.skipped[0]!.error.code).to.equal('WouldBlock');

    for (const handle of [...accepted, slowAccepted]) await handle.close();
    expect(unwrap(server.broadcast(new Uint8Array(1)))).to.deep.equal({ sent: 0, skipped: [] });
  });
});
