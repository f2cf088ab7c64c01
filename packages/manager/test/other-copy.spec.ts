import { type ConnectionServer, type NetworkConnection, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager } from '@entropynet/manager';
import { expect } from 'chai';
import { freshName } from '@entropynet/test/support/fresh-name';

/** The connection as it would be of another installed copy of core: its channels are of another class. */
function ofOtherCopy(connection: NetworkConnection): NetworkConnection {
  return new Proxy(connection, {
    get(target, key): unknown {
      if (key === 'defaultChannel') return Object.create(Object.prototype);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

class OtherTransport extends LoopbackTransport {
  override createConnection(config: Parameters<LoopbackTransport['createConnection']>[0]): NetworkConnection {
    return ofOtherCopy(super.createConnection(config));
  }

  override createServer(config: Parameters<LoopbackTransport['createServer']>[0]): ConnectionServer {
    const server = super.createServer(config);
    const iterate = server[Symbol.asyncIterator].bind(server);
    server[Symbol.asyncIterator] = async function* (): AsyncGenerator<NetworkConnection> {
      for await (const connection of { [Symbol.asyncIterator]: iterate }) yield ofOtherCopy(connection);
    };
    return server;
  }
}

describe('a connection of another installed copy of core', () => {
  it('is refused each time by a handle, which stays usable', async () => {
    const endpoint = `loopback://${freshName()}`;
    const server = new LoopbackTransport().createServer({ endpoint });
    unwrap(await server.listen());
    const manager = new ConnectionManager([new OtherTransport()], { log: () => undefined });
    const handle = unwrap(manager.openConnection({ endpoint }));
    for (let count = 0; count < 2; count += 1) {
      const outcome = await handle.connect();
      expect(outcome.ok ? 'ok' : outcome.error.code).to.equal('NotSupported');
      expect(outcome.ok ? '' : outcome.error.message).to.include('another installed copy of @entropynet/core');
      expect(handle.getState()).to.equal('failed');
    }
    await manager.closeAll();
    await server.close();
  });

  it('is not adopted, and takes no slot', async () => {
    const endpoint = `loopback://${freshName()}`;
    const server = new LoopbackTransport().createServer({ endpoint });
    unwrap(await server.listen());
    const manager = new ConnectionManager([new LoopbackTransport()], { capacity: 1 });
    const client = new LoopbackTransport().createConnection({ endpoint });
    unwrap(await client.connect());
    const refused = manager.adoptConnection(ofOtherCopy(client));
    expect(refused.ok ? 'ok' : refused.error.code).to.equal('NotSupported');
    expect(unwrap(manager.adoptConnection(client)).isConnected()).to.equal(true);
    await manager.closeAll();
    await server.close();
  });

  it('is refused by a managed server, which continues', async () => {
    const endpoint = `loopback://${freshName()}`;
    const lines: string[] = [];
    const manager = new ConnectionManager([new OtherTransport()], { capacity: 1, log: (line) => lines.push(line) });
    const server = unwrap(manager.createServer({ endpoint }));
    unwrap(await server.listen());
    for (let count = 0; count < 3; count += 1) {
      const client = new LoopbackTransport().createConnection({ endpoint });
      unwrap(await client.connect());
      expect((await client.closed).state).to.equal('disconnected');
    }
    expect(lines.join('\n')).to.include('another installed copy');
    await manager.closeAll();
  });
});
