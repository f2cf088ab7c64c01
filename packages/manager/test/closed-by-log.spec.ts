import { codeOf, until } from '@entropynet/conformance/tools';
import { type Result, unwrap } from '@entropynet/core';
import { ConnectionManager, type ManagedServer } from '@entropynet/manager';
import { expect } from 'chai';
import { freshName } from '@entropynet/test/support/fresh-name';
import { LateTransport } from './late-transport.js';

/** Makes a server with two addresses that are missing at first. It is closed when the log gets a line with `words`. */
function closedAt(words: string): {
  manager: ConnectionManager;
  server: ManagedServer;
  transport: LateTransport;
  closed: Promise<void>;
} {
  const transport = new LateTransport('TransportUnavailable');
  let resolve = (): void => undefined;
  const closed = new Promise<void>((resolved) => {
    resolve = resolved;
  });
  const log = (line: string): void => {
    if (line.includes(words)) void server.close().then(resolve);
  };
  const manager = new ConnectionManager([transport], { log });
  const fallback = [`loopback://late-${freshName()}`, `loopback://late-${freshName()}`];
  const server = unwrap(manager.createServer({ endpoint: `loopback://${freshName()}`, fallback }));
  return { manager, server, transport, closed };
}

/** Waits until another server has made three attempts on its missing addresses. */
async function untilOthersTried(): Promise<void> {
  const { manager, server, transport } = closedAt('never');
  unwrap(await server.listen());
  await until(() => transport.attempts >= 6, 'another server tried again');
  await manager.closeAll();
}

describe('a managed server that the log closes', () => {
  it('tries no address again, if the line reports a missing address', async () => {
    const { manager, server, transport, closed } = closedAt('not listening yet');
    expect(codeOf(await server.listen())).to.equal('ConnectionClosed');
    await closed;
    transport.fault = undefined;
    await untilOthersTried();
    expect(transport.attempts).to.equal(2);
    expect(server.isListening()).to.equal(false);
    await manager.closeAll();
  });

  it('listens on no further address, if the line reports one that was missing', async () => {
    const { manager, server, transport, closed } = closedAt('now');
    unwrap(await server.listen());
    transport.fault = undefined;
    await closed;
    await untilOthersTried();
    expect(server.addresses()).to.deep.equal([]);
    await manager.closeAll();
  });

  it('listens again, if the line reports an address that was lost', async () => {
    const lines: string[] = [];
    let again: Promise<Result> | undefined;
    const transport = new LateTransport('TransportUnavailable');
    const log = (line: string): void => {
      lines.push(line);
      if (!line.includes('no longer listening') || again !== undefined) return;
      void server.close();
      again = server.listen();
    };
    const manager = new ConnectionManager([transport], { log });
    const server = unwrap(manager.createServer({ endpoint: `loopback://${freshName()}` }));
    unwrap(await server.listen());
    void transport.servers[0]?.close();
    await until(() => again !== undefined, 'the server of the transport closed by itself');
    unwrap((await again) ?? expect.fail());
    expect(server.isListening()).to.equal(true);
    await manager.closeAll();
    expect(server.isListening()).to.equal(false);
  });
});

it('a managed server that is closed and listens again while a listen() fails is closed by its manager', async () => {
  const transport = new LateTransport('AddressInUse');
  const manager = new ConnectionManager([transport]);
  const fallback = [`loopback://late-${freshName()}`];
  const server = unwrap(manager.createServer({ endpoint: `loopback://${freshName()}`, fallback }));
  const [first] = transport.servers;
  if (first === undefined) expect.fail('the transport made a server');
  const close = first.close.bind(first);
  let again: Promise<Result> | undefined;
  first.close = () => {
    if (again === undefined) {
      transport.fault = undefined;
      again = Promise.resolve().then(() => {
        void server.close();
        return server.listen();
      });
    }
    return close();
  };
  expect(codeOf(await server.listen())).to.equal('AddressInUse');
  unwrap((await again) ?? expect.fail());
  expect(server.addresses()).to.have.lengthOf(2);
  await manager.closeAll();
  expect(server.isListening()).to.equal(false);
});
