import { until } from '@entropynet/conformance/tools';
import { type ConnectionServer, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager } from '@entropynet/manager';
import { expect } from 'chai';
import { freshName } from '@entropynet/test/support/fresh-name';

/** A transport whose servers on endpoints with 'broken' throw in `listen()`. */
class ThrowingTransport extends LoopbackTransport {
  attempts = 0;
  isBroken = true;

  override createServer(config: Parameters<LoopbackTransport['createServer']>[0]): ConnectionServer {
    const server = super.createServer(config);
    if (!config.endpoint.includes('broken')) return server;
    const listen = server.listen.bind(server);
    server.listen = () => {
      this.attempts += 1;
      if (this.isBroken) throw new Error('listen is broken');
      return listen();
    };
    return server;
  }
}

describe('a server of a transport that throws', () => {
  it('is a missing address, at first and at each further attempt', async () => {
    const transport = new ThrowingTransport();
    const manager = new ConnectionManager([transport], { log: () => undefined });
    const fallback = [`loopback://broken-${freshName()}`];
    const server = unwrap(manager.createServer({ endpoint: `loopback://${freshName()}`, fallback }));
    unwrap(await server.listen());
    expect(server.addresses()).to.have.lengthOf(1);
    expect(server.getPassedOver()[0]).to.include({
      code: 'TransportUnavailable',
      reason: "transport 'loopback' threw: Error: listen is broken",
    });
    await until(() => transport.attempts >= 3, 'it tried again, and again');
    transport.isBroken = false;
    await until(() => server.addresses().length === 2, 'it listens there');
    await manager.closeAll();
  });
});
