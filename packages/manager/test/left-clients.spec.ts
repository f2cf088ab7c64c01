import { codeOf, until } from '@entropynet/conformance/tools';
import { type NetworkConnection, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager, type ManagedServer } from '@entropynet/manager';
import { expect } from 'chai';
import { counted } from '@entropynet/test/support/counted-admissions';
import { freshName } from '@entropynet/test/support/fresh-name';

const MESSAGE = Uint8Array.of(1, 2, 3);

describe('a client that left before the program accepted it from a managed server', () => {
  let manager: ConnectionManager;
  let server: ManagedServer;
  let endpoint: string;

  /** Makes a server with one place for a client that waits. */
  beforeEach(async () => {
    manager = new ConnectionManager([new LoopbackTransport()], { log: () => undefined });
    endpoint = `loopback://${freshName()}`;
    server = unwrap(manager.createServer({ endpoint, admit: counted(1).admit }));
    unwrap(await server.listen());
  });

  afterEach(() => manager.closeAll());

  function newClient(): NetworkConnection {
    return new LoopbackTransport().createConnection({ endpoint });
  }

  async function visit(talk: (client: NetworkConnection) => Promise<void>): Promise<void> {
    const client = newClient();
    unwrap(await client.connect());
    await until(() => manager.activeCount() === 1, 'the server has the client');
    await talk(client);
    unwrap(await client.disconnect());
    await until(() => manager.activeCount() === 0, 'the server has seen that it left');
  }

  it('leaves its place to the next one, if it left no message', async () => {
    await visit(() => Promise.resolve());
    const next = newClient();
    unwrap(await next.connect());
    expect(codeOf(await newClient().connect())).to.equal('ResourceLimitExceeded');
    expect(unwrap(await server.accept()).isConnected()).to.equal(true);
  });

  it('keeps its place if it left a message', async () => {
    await visit(async (client) => {
      unwrap(await client.send(MESSAGE));
    });
    expect(codeOf(await newClient().connect())).to.equal('ResourceLimitExceeded');
    const messages: Uint8Array[] = [];
    for await (const message of unwrap(await server.accept()).messages()) messages.push(message);
    expect(messages).to.deep.equal([MESSAGE]);
  });

  it('keeps its place if it left a message on a named channel', async () => {
    await visit(async (client) => {
      unwrap(await client.openChannel('news'));
      unwrap(await client.sendOnChannel('news', MESSAGE));
    });
    expect(codeOf(await newClient().connect())).to.equal('ResourceLimitExceeded');
    const messages: Uint8Array[] = [];
    for await (const message of unwrap(await server.accept()).messages({ channel: 'news' })) messages.push(message);
    expect(messages).to.deep.equal([MESSAGE]);
  });
});
