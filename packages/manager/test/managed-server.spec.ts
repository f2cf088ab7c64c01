import { codeOf, until, within } from '@entropynet/conformance/tools';
import { type ConnectionServer, type NetworkConnection, type Result, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager, type ManagedServer } from '@entropynet/manager';
import { WebSocketTransport } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { freshName } from '@entropynet/test/support/fresh-name';
import { unhandledDuring } from '@entropynet/test/support/unhandled';
import { LateTransport } from './late-transport.js';

/** A manager and a server of it that listens on one of its two addresses. */
async function listenWithout(
  transport: LateTransport,
): Promise<{ manager: ConnectionManager; server: ManagedServer; lines: string[] }> {
  const lines: string[] = [];
  const manager = new ConnectionManager([transport], { log: (line) => lines.push(line) });
  const fallback = [`loopback://late-${freshName()}`];
  const server = unwrap(manager.createServer({ endpoint: `loopback://${freshName()}`, fallback }));
  unwrap(await server.listen());
  return { manager, server, lines };
}

/** A transport whose servers change each connection before they give it to the manager. */
function acceptingAfter(change: (connection: NetworkConnection) => Promise<void> | void): LoopbackTransport {
  return new (class extends LoopbackTransport {
    override createServer(config: Parameters<LoopbackTransport['createServer']>[0]): ConnectionServer {
      const server = super.createServer(config);
      const iterate = server[Symbol.asyncIterator].bind(server);
      server[Symbol.asyncIterator] = async function* (): AsyncGenerator<NetworkConnection> {
        for await (const connection of { [Symbol.asyncIterator]: iterate }) {
          await change(connection);
          yield connection;
        }
      };
      return server;
    }
  })();
}

describe('a managed server', () => {
  it('tries an address that was away again, until it listens there and accepts its clients', async () => {
    const transport = new LateTransport('TransportUnavailable');
    const { manager, server, lines } = await listenWithout(transport);
    const [missing] = server.getPassedOver();
    expect(missing).to.include({ code: 'TransportUnavailable', isRetried: true, reason: 'nothing is there yet' });
    expect(lines.at(-1)).to.contain('not listening yet over');
    await until(() => transport.attempts >= 3, 'it tried again, and again');
    expect(server.addresses()).to.have.lengthOf(1);
    transport.fault = undefined;
    await until(() => server.addresses().length === 2, 'it listens there');
    expect(server.getPassedOver()).to.deep.equal([]);
    expect(lines.at(-1)).to.contain('listening over').and.to.contain(missing?.endpoint).and.to.contain('now');
    const client = unwrap(manager.openConnection({ endpoint: missing?.endpoint ?? '' }));
    unwrap(await client.connect());
    expect(unwrap(await server.accept()).isConnected()).to.equal(true);
    const { attempts } = transport;
    await manager.closeAll();
    expect(server.addresses()).to.deep.equal([]);
    expect(transport.attempts, 'no attempt once it listened').to.equal(attempts);
  });

  it('does not try an address again whose fault needs a person', async () => {
    const transport = new LateTransport('HandshakeFailed');
    const { manager, server, lines } = await listenWithout(transport);
    expect(server.getPassedOver()).to.have.lengthOf(1);
    expect(server.getPassedOver()[0]).to.include({ code: 'HandshakeFailed', isRetried: false });
    expect(lines.at(-1)).to.contain('not listening over');
    // Another server's address is tried again meanwhile, more than once.
    const other = new LateTransport('Timeout');
    const second = await listenWithout(other);
    await until(() => other.attempts >= 3, 'the other was tried');
    expect(transport.attempts).to.equal(1);
    await manager.closeAll();
    await second.manager.closeAll();
  });

  it('tries no address again after close()', async () => {
    const transport = new LateTransport('TransportUnavailable');
    const { manager, server } = await listenWithout(transport);
    await until(() => transport.attempts === 2, 'it tries again');
    unwrap(await server.close());
    transport.fault = undefined;
    const other = new LateTransport('Timeout');
    const second = await listenWithout(other);
    await until(() => other.attempts >= 3, 'another server was tried as often');
    expect(transport.attempts).to.equal(2);
    expect(server.isListening()).to.equal(false);
    unwrap(await server.listen());
    expect(server.addresses()).to.have.lengthOf(2);
    await manager.closeAll();
    await second.manager.closeAll();
  });

  it('listens once if two calls of listen() run at the same time, and stays closed', async () => {
    const transport = new LateTransport('TransportUnavailable');
    const manager = new ConnectionManager([transport]);
    const fallback = [`loopback://late-${freshName()}`];
    const server = unwrap(manager.createServer({ endpoint: `loopback://${freshName()}`, fallback }));
    for (const outcome of await Promise.all([server.listen(), server.listen()])) unwrap(outcome);
    expect(transport.attempts).to.equal(1);
    const closing = server.close();
    const [first, second] = [server.listen(), server.listen()];
    expect(first).to.equal(second);
    unwrap(await closing);
    unwrap(await first);
    expect(transport.attempts).to.equal(2);
    await manager.closeAll();
  });

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

  it('listens again directly after a close, unless the manager closes it', async () => {
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
    unwrap(await server.listen());
    void server.close();
    const listening = server.listen();
    await manager.closeAll();
    expect(codeOf(await listening)).to.equal('ConnectionClosed');
    expect(server.isListening(), 'closed by the manager').to.equal(false);
  });

  it('listens once on an endpoint that its configuration lists twice', async () => {
    const manager = new ConnectionManager([new LoopbackTransport()]);
    const endpoint = `loopback://${freshName()}`;
    const server = unwrap(manager.createServer({ endpoint, fallback: [endpoint] }));
    unwrap(await server.listen());
    expect(server.addresses()).to.deep.equal([endpoint]);
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

  it('stays closed for accept() if it was closed and then fails to listen', async () => {
    const transport = new LateTransport();
    const manager = new ConnectionManager([transport], { log: () => undefined });
    const server = unwrap(manager.createServer({ endpoint: `loopback://late-${freshName()}` }));
    for (const fault of ['AddressInUse', 'TransportUnavailable'] as const) {
      unwrap(await server.close());
      transport.fault = fault;
      expect(codeOf(await server.listen())).to.equal(fault);
      expect(codeOf(await within(server.accept(), 'accept() ended'))).to.equal('ConnectionClosed');
      transport.fault = undefined;
      unwrap(await server.listen());
    }
    await manager.closeAll();
  });

  it('lets accept() wait if the first listen() fails, and serves it after the next one', async () => {
    const transport = new LateTransport('AddressInUse');
    const manager = new ConnectionManager([transport], { log: () => undefined });
    const server = unwrap(manager.createServer({ endpoint: `loopback://late-${freshName()}` }));
    const accepting = server.accept();
    expect(codeOf(await server.listen())).to.equal('AddressInUse');
    transport.fault = undefined;
    unwrap(await server.listen());
    unwrap(await new LoopbackTransport().createConnection({ endpoint: server.addresses()[0]! }).connect());
    expect(unwrap(await accepting).isConnected()).to.equal(true);
    await manager.closeAll();
  });

  const goodbyes: Record<string, () => Promise<Result>> = {
    'does not take its goodbye': () => new Promise(() => undefined),
    'throws at its goodbye': () => Promise.reject(new Error('disconnect is broken')),
  };
  for (const [fault, disconnect] of Object.entries(goodbyes)) {
    it(`continues to accept if a refused client ${fault}`, async () => {
      let isFirst = true;
      // Nothing can be adopted that is not connected, and this one has ended.
      const turning = acceptingAfter(async (connection) => {
        if (isFirst) {
          isFirst = false;
          await connection.disconnect();
          connection.disconnect = disconnect;
        }
      });
      const manager = new ConnectionManager([turning], { log: () => undefined });
      const endpoint = `loopback://${freshName()}`;
      const server = unwrap(manager.createServer({ endpoint }));
      unwrap(await server.listen());
      const unhandled = await unhandledDuring(async () => {
        const clients = [1, 2].map(() => new LoopbackTransport().createConnection({ endpoint }));
        for (const client of clients) unwrap(await client.connect());
        const accepted = unwrap(await server.accept());
        expect(accepted.isConnected()).to.equal(true);
      });
      expect(unhandled).to.deep.equal([]);
      await manager.closeAll();
    });
  }

  it('accepts the next client after a transport threw while it adopted one', async () => {
    const faults: ('getBackend' | 'startReceiving')[] = ['getBackend', 'startReceiving'];
    const throwing = acceptingAfter((connection) => {
      const fault = faults.shift();
      if (fault === undefined) return;
      connection[fault] = () => {
        throw new Error(`${fault} is broken`);
      };
    });
    const lines: string[] = [];
    const manager = new ConnectionManager([throwing], { capacity: 1, log: (line) => lines.push(line) });
    const endpoint = `loopback://${freshName()}`;
    const server = unwrap(manager.createServer({ endpoint }));
    unwrap(await server.listen());
    for (const fault of ['getBackend', 'startReceiving']) {
      const refused = new LoopbackTransport().createConnection({ endpoint });
      unwrap(await refused.connect());
      expect((await refused.closed).state).to.equal('disconnected');
      await until(() => manager.activeCount() === 0, 'the slot is free');
      expect(lines.pop()).to.contain(
        `a client was refused: the transport of this connection threw: Error: ${fault} is broken`,
      );
    }
    unwrap(await new LoopbackTransport().createConnection({ endpoint }).connect());
    expect(unwrap(await server.accept()).isConnected()).to.equal(true);
    await manager.closeAll();
  });
});
