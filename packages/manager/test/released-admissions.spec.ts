import { ok, type Result, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager, type ManagedServer } from '@entropynet/manager';
import { expect } from 'chai';
import { freshName } from '@entropynet/test/support/fresh-name';

describe('the release of an admission', () => {
  let manager: ConnectionManager;

  beforeEach(() => {
    manager = new ConnectionManager([new LoopbackTransport()], { log: () => undefined });
  });

  afterEach(() => manager.closeAll());

  /** Returns a server with a client that waits for `accept()`. The end of its wait calls `release`. */
  async function serverWithClient(release: () => void): Promise<ManagedServer> {
    const endpoint = `loopback://${freshName()}`;
    const server = unwrap(manager.createServer({ endpoint, admit: () => ok({ release }) }));
    unwrap(await server.listen());
    unwrap(await new LoopbackTransport().createConnection({ endpoint }).connect());
    return server;
  }

  it('may let a server listen again that is about to close', async () => {
    let listening: Promise<Result> | undefined;
    const server = await serverWithClient(() => {
      listening ??= server.listen();
    });
    const endpoint = server.addresses()[0]!;
    unwrap(await server.close());
    expect(listening, 'the client was released').to.not.equal(undefined);
    unwrap(await listening!);
    expect(server.isListening()).to.equal(true);
    const client = unwrap(manager.openConnection({ endpoint }));
    unwrap(await client.connect());
    expect(unwrap(await server.accept()).isConnected()).to.equal(true);
  });

  it('may start a server while the manager closes all, and the next closeAll() closes it', async () => {
    let listening: Promise<Result> | undefined;
    const next = unwrap(manager.createServer({ endpoint: `loopback://${freshName()}` }));
    await serverWithClient(() => {
      listening ??= next.listen();
    });
    await manager.closeAll();
    expect(listening, 'the client was released').to.not.equal(undefined);
    unwrap(await listening!);
    expect(next.isListening()).to.equal(true);
    await manager.closeAll();
    expect(next.isListening()).to.equal(false);
  });
});
