import { codeOf, until, within } from '@entropynet/conformance/tools';
import { type ConnectionServer, type NetworkConnection, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager } from '@entropynet/manager';
import { expect } from 'chai';
import { freshName } from '@entropynet/test/support/fresh-name';
import { unhandledDuring } from '@entropynet/test/support/unhandled';

/** A transport that changes its servers on endpoints with 'broken'. */
function breaking(change: (server: ConnectionServer) => void): LoopbackTransport {
  return new (class extends LoopbackTransport {
    override createServer(config: Parameters<LoopbackTransport['createServer']>[0]): ConnectionServer {
      const server = super.createServer(config);
      if (config.endpoint.includes('broken')) change(server);
      return server;
    }
  })();
}

/** Makes the servers throw when somebody accepts, while `isBroken()`. */
function notAccepting(isBroken: () => boolean): LoopbackTransport {
  return breaking((server) => {
    const iterate = server[Symbol.asyncIterator].bind(server);
    const next = (): Promise<IteratorResult<NetworkConnection>> => Promise.reject(new Error('accept is broken'));
    server[Symbol.asyncIterator] = () => (isBroken() ? { next } : iterate());
  });
}

describe('a server of a transport that throws', () => {
  it('is a missing address if it throws while clients are accepted, and listens again later', async () => {
    let isBroken = true;
    const transport = notAccepting(() => isBroken);
    const lines: string[] = [];
    const manager = new ConnectionManager([transport], { log: (line) => lines.push(line) });
    const [endpoint, broken] = [`loopback://${freshName()}`, `loopback://broken-${freshName()}`];
    const server = unwrap(manager.createServer({ endpoint, fallback: [broken] }));
    const unhandled = await unhandledDuring(async () => {
      unwrap(await server.listen());
      await until(() => server.getPassedOver().length === 1, 'the address is missing');
    });
    expect(unhandled).to.deep.equal([]);
    const reason = "transport 'loopback' threw: Error: accept is broken";
    expect(server.getPassedOver()[0]).to.include({ code: 'TransportUnavailable', isRetried: true, reason });
    expect(lines.at(-1)).to.equal(`${endpoint}: no longer listening over loopback (${broken}): ${reason}`);
    expect(server.addresses()).to.deep.equal([endpoint]);
    isBroken = false;
    await until(() => server.addresses().length === 2, 'it listens there again');
    for (const each of [endpoint, broken]) {
      unwrap(await new LoopbackTransport().createConnection({ endpoint: each }).connect());
      expect(unwrap(await server.accept()).isConnected()).to.equal(true);
    }
    await manager.closeAll();
  });

  it('closes the managed server if it was the last one that listened', async () => {
    const manager = new ConnectionManager([notAccepting(() => true)], { log: () => undefined });
    const server = unwrap(manager.createServer({ endpoint: `loopback://broken-${freshName()}` }));
    const accepting = server.accept();
    const unhandled = await unhandledDuring(async () => {
      unwrap(await server.listen());
      expect(codeOf(await accepting)).to.equal('ConnectionClosed');
    });
    expect(unhandled).to.deep.equal([]);
    expect(server.isListening()).to.equal(false);
    await manager.closeAll();
  });

  it('stops no other one from closing, and the log says so', async () => {
    const transport = breaking((each) => {
      const close = each.close.bind(each);
      each.close = () => {
        void close();
        throw new Error('close is broken');
      };
    });
    const lines: string[] = [];
    const manager = new ConnectionManager([transport], { log: (line) => lines.push(line) });
    const [broken, fallback] = [`loopback://broken-${freshName()}`, `loopback://${freshName()}`];
    const server = unwrap(manager.createServer({ endpoint: broken, fallback: [fallback] }));
    unwrap(await server.listen());
    unwrap(await server.close());
    expect(server.isListening()).to.equal(false);
    const reason = "transport 'loopback' threw: Error: close is broken";
    expect(lines).to.deep.equal([`${broken}: could not close over loopback (${broken}): ${reason}`]);
    await manager.closeAll();
  });

  it('is a missing address, at first and at each further attempt', async () => {
    let attempts = 0;
    let isBroken = true;
    const transport = breaking((each) => {
      const listen = each.listen.bind(each);
      each.listen = () => {
        attempts += 1;
        if (isBroken) throw new Error('listen is broken');
        return listen();
      };
    });
    const manager = new ConnectionManager([transport], { log: () => undefined });
    const fallback = [`loopback://broken-${freshName()}`];
    const server = unwrap(manager.createServer({ endpoint: `loopback://${freshName()}`, fallback }));
    unwrap(await server.listen());
    expect(server.addresses()).to.have.lengthOf(1);
    expect(server.getPassedOver()[0]).to.include({
      code: 'TransportUnavailable',
      reason: "transport 'loopback' threw: Error: listen is broken",
    });
    await until(() => attempts >= 3, 'it tried again, and again');
    isBroken = false;
    await until(() => server.addresses().length === 2, 'it listens there');
    await manager.closeAll();
  });

  it('leaves the other ones alone if it throws when it is asked', async () => {
    const transport = breaking((each) => {
      const members = ['address', 'isListening', 'ref', 'unref'] as const;
      for (const member of members) {
        each[member] = () => {
          throw new Error(`${member} is broken`);
        };
      }
    });
    const lines: string[] = [];
    const manager = new ConnectionManager([transport], { log: (line) => lines.push(line) });
    const [broken, fallback] = [`loopback://broken-${freshName()}`, `loopback://${freshName()}`];
    const server = unwrap(manager.createServer({ endpoint: broken, fallback: [fallback] }));
    unwrap(await server.listen());
    expect(server.isListening()).to.equal(true);
    expect(server.addresses()).to.deep.equal([fallback]);
    server.unref();
    server.ref();
    // It listens all the same.
    unwrap(await new LoopbackTransport().createConnection({ endpoint: broken }).connect());
    unwrap(await server.accept());
    unwrap(await server.close());
    expect(server.isListening()).to.equal(false);
    expect(lines).to.deep.equal(
      [
        ['read the address', 'address'],
        ['call unref()', 'unref'],
        ['call ref()', 'ref'],
      ].map(
        ([what, member]) =>
          `${broken}: could not ${what} over loopback (${broken}): transport 'loopback' threw: Error: ${member} is broken`,
      ),
    );
    await manager.closeAll();
  });
});

describe('a server that its transport closes', () => {
  it('is a missing address, and closes the managed server if it was the last one', async () => {
    const closed: (() => Promise<unknown>)[] = [];
    const transport = breaking((each) => closed.push(() => each.close()));
    const lines: string[] = [];
    const manager = new ConnectionManager([transport], { log: (line) => lines.push(line) });
    const [first, second] = [`loopback://broken-${freshName()}`, `loopback://broken-${freshName()}`];
    const server = unwrap(manager.createServer({ endpoint: first, fallback: [second] }));
    unwrap(await server.listen());
    const accepting = server.accept();
    await closed[0]?.();
    await until(() => server.getPassedOver().length === 1, 'the address is missing');
    const reason = 'its server closed by itself';
    expect(server.getPassedOver()[0]).to.include({ code: 'TransportUnavailable', isRetried: true, reason });
    expect(lines).to.deep.equal([`${first}: no longer listening over loopback (${first}): ${reason}`]);
    expect(server.addresses()).to.deep.equal([second]);
    await closed[1]?.();
    expect(codeOf(await within(accepting, 'the managed server closed'))).to.equal('ConnectionClosed');
    expect(server.isListening()).to.equal(false);
    await manager.closeAll();
  });
});
