import { until } from '@entropynet/conformance/tools';
import { type NetworkConnection, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager } from '@entropynet/manager';
import { expect } from 'chai';
import { freshName } from '@entropynet/test/support/fresh-name';

/** A transport that changes each connection before the manager gets it. */
class ChangingTransport extends LoopbackTransport {
  readonly made: NetworkConnection[] = [];
  readonly #change: (connection: NetworkConnection, made: readonly NetworkConnection[]) => void;

  constructor(change: (connection: NetworkConnection, made: readonly NetworkConnection[]) => void) {
    super();
    this.#change = change;
  }

  override createConnection(config: Parameters<LoopbackTransport['createConnection']>[0]): NetworkConnection {
    const connection = super.createConnection(config);
    this.made.push(connection);
    this.#change(connection, this.made);
    return connection;
  }
}

/** Lets the connection connect, and then throws. */
function throwAfterConnecting(connection: NetworkConnection): void {
  const connect = connection.connect.bind(connection);
  connection.connect = async (options) => {
    unwrap(await connect(options));
    throw new Error('connect is broken');
  };
}

describe('a connection of a handle whose transport throws', () => {
  const FAULTS: Readonly<Record<string, (connection: NetworkConnection) => void>> = {
    observe: (connection) => {
      connection.observe = () => {
        throw new Error('observe is broken');
      };
    },
    connect: throwAfterConnecting,
  };

  for (const [fault, change] of Object.entries(FAULTS)) {
    it(`is released if ${fault}() throws`, async () => {
      const transport = new ChangingTransport(change);
      const manager = new ConnectionManager([transport], { log: () => undefined });
      const endpoint = `loopback://${freshName()}`;
      const server = unwrap(manager.createServer({ endpoint }));
      unwrap(await server.listen());
      const handle = unwrap(manager.openConnection({ endpoint }));
      const outcome = await handle.connect();
      expect(outcome.ok ? 'ok' : outcome.error.message).to.include(`${fault} is broken`);
      const [connection] = transport.made;
      expect(connection?.refCount()).to.equal(0);
      await until(() => connection?.getState() === 'disconnected', 'its link is closed');
      await manager.closeAll();
    });
  }

  it('does not end the connection over the fallback', async () => {
    const transport = new ChangingTransport((connection, [first]) => {
      if (first === undefined || connection === first) {
        throwAfterConnecting(connection);
        return;
      }
      const connect = connection.connect.bind(connection);
      connection.connect = async (options) => {
        await until(() => first.getState() === 'disconnected', 'the first connection has ended');
        return connect(options);
      };
    });
    const manager = new ConnectionManager([transport], { log: () => undefined });
    const [endpoint, fallback] = [`loopback://${freshName()}`, `loopback://${freshName()}`];
    const server = unwrap(manager.createServer({ endpoint, fallback: [fallback] }));
    unwrap(await server.listen());
    const handle = unwrap(manager.openConnection({ endpoint, fallback: [fallback] }));
    unwrap(await handle.connect());
    expect(handle.getState()).to.equal('connected');
    expect(handle.getSelection()?.passedOver.map((each) => each.endpoint)).to.deep.equal([endpoint]);
    await manager.closeAll();
  });
});
