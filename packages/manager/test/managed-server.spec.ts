import { type ConnectionServer, type NetworkConnection, type Result, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager } from '@entropynet/manager';
import { WebSocketTransport } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { freshName } from '@entropynet/test/support/fresh-name';

describe('a managed server', () => {
  it('does not listen if it is closed while listen() runs', async () => {
    const manager = new ConnectionManager([new LoopbackTransport()]);
    const fallback = [`loopback://${freshName()}`];
    const server = unwrap(manager.createServer({ endpoint: `loopback://${freshName()}`, fallback }));
    const listening = server.listen();
    await server.close();
    const outcome = await listening;
    expect(outcome.ok ? 'ok' : outcome.error.code).to.equal('ConnectionClosed');
    expect(server.isListening()).to.equal(false);
    expect(server.addresses()).to.deep.equal([]);
    unwrap(await server.listen());
    expect(server.addresses()).to.have.lengthOf(2);
    await manager.closeAll();
    expect(server.isListening()).to.equal(false);
  });

  it('listens again directly after a close', async () => {
    const manager = new ConnectionManager([new WebSocketTransport()]);
    const server = unwrap(manager.createServer({ endpoint: 'ws://127.0.0.1:0/' }));
    unwrap(await server.listen());
    const closing = server.close();
    unwrap(await server.listen());
    unwrap(await closing);
    expect(server.isListening()).to.equal(true);
    const client = unwrap(manager.openConnection({ endpoint: server.addresses()[0]! }));
    unwrap(await client.connect());
    expect(unwrap(await server.accept()).isConnected()).to.equal(true);
    unwrap(await server.close());
    expect(server.isListening(), 'closed last').to.equal(false);
    await manager.closeAll();
  });

  it("leaves its manager if it can't listen", async () => {
    let closes = 0;
    class Counting extends LoopbackTransport {
      override createServer(config: Parameters<LoopbackTransport['createServer']>[0]): ConnectionServer {
        const server = super.createServer(config);
        const close = server.close.bind(server);
        server.close = () => {
          closes += 1;
          return close();
        };
        return server;
      }
    }
    const manager = new ConnectionManager([new Counting()], { log: () => undefined });
    const endpoint = `loopback://${freshName()}`;
    const taken = new LoopbackTransport().createServer({ endpoint });
    unwrap(await taken.listen());
    for (let count = 0; count < 5; count += 1) {
      const outcome = await unwrap(manager.createServer({ endpoint })).listen();
      expect(outcome.ok ? 'ok' : outcome.error.code).to.equal('AddressInUse');
    }
    expect(closes, 'each gave back what it had').to.equal(5);
    await manager.closeAll();
    expect(closes, 'none was kept').to.equal(5);
    await taken.close();
  });

  it('continues to accept while a refused client does not take its goodbye', async () => {
    class Turning extends LoopbackTransport {
      override createServer(config: Parameters<LoopbackTransport['createServer']>[0]): ConnectionServer {
        const server = super.createServer(config);
        const iterate = server[Symbol.asyncIterator].bind(server);
        server[Symbol.asyncIterator] = async function* (): AsyncGenerator<NetworkConnection> {
          let isFirst = true;
          for await (const connection of { [Symbol.asyncIterator]: iterate }) {
            // Nothing can be adopted that is not connected, and this one never finishes its goodbye.
            if (isFirst) {
              await connection.disconnect();
              connection.disconnect = () => new Promise<Result>(() => undefined);
            }
            isFirst = false;
            yield connection;
          }
        };
        return server;
      }
    }
    const manager = new ConnectionManager([new Turning()], { log: () => undefined });
    const endpoint = `loopback://${freshName()}`;
    const server = unwrap(manager.createServer({ endpoint }));
    unwrap(await server.listen());
    const clients = [1, 2].map(() => new LoopbackTransport().createConnection({ endpoint }));
    for (const client of clients) unwrap(await client.connect());
    const accepted = unwrap(await server.accept());
    expect(accepted.isConnected()).to.equal(true);
    await manager.closeAll();
  });
});
