import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { codeOf, type Scope, scoped, within } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { createNetworking } from '@entropynet/manager';
import { NatsConnection, NatsConnectionServer, natsTransportModule } from '@entropynet/transport-nats';
import { connect as connectToNats, type NatsConnection as OwnConnection } from '@nats-io/transport-node';
import { expect } from 'chai';
import { freshName } from '../support/fresh-name.js';
import { describeNats, natsTest } from '../support/nats/describe-nats.js';

/** Resolves when a method of the NATS connection is called for the first time. */
function calledOnce(connection: OwnConnection, method: 'publish' | 'flush'): Promise<void> {
  return new Promise((resolve) => {
    const real = connection[method].bind(connection) as () => never;
    connection[method] = (...values: []) => {
      resolve();
      return real(...values);
    };
  });
}

describeNats('NATS: closing while the NATS server fails', () => {
  it(
    'ends if the NATS server dies before it has confirmed the last messages',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { server } = await scope.serve(nats);
      // From here on, the NATS server confirms nothing.
      nats.signal('SIGSTOP');
      const closing = server.close();
      await nats.kill();
      unwrap(await closing);
    }),
  );

  it(
    'ends after the silence that the heartbeat allows, if the NATS server hangs',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { server } = await scope.serve(nats, { nats: { heartbeat: { intervalMs: 100, timeoutMs: 1000 } } });
      nats.signal('SIGSTOP');
      unwrap(await server.close());
    }),
  );

  it(
    'ends for a whole manager with connections in use',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { manager, close } = await createNetworking({ transports: [natsTransportModule] });
      scope.defer(close);
      const config = { endpoint: `nats://${nats.host}/${freshName()}` };
      const server = unwrap(manager.createServer(config));
      unwrap(await server.listen());
      const client = unwrap(manager.openConnection(config));
      unwrap(await client.connect());
      unwrap(await server.accept());
      nats.signal('SIGSTOP');
      unwrap(await client.send(new Uint8Array(1234)));
      const closing = close();
      await nats.kill();
      await closing;
    }),
  );

  for (const [what, call] of [
    ['whether another server has the service', 'publish'],
    ['to confirm its subscription', 'flush'],
  ] as const) {
    it(
      `ends while a server asks the NATS server ${what}`,
      natsTest(async (scope) => {
        const nats = await scope.natsServer();
        const own = await connectToNats({ servers: nats.host });
        scope.defer(() => own.close());
        const asked = calledOnce(own, call);
        const config = { endpoint: `nats://${nats.host}/${freshName()}`, connectTimeoutMs: 100 };
        const server = scope.add(new NatsConnectionServer({ ...config, nats: { connection: own } }));
        nats.signal('SIGSTOP');
        const listening = server.listen();
        await asked;
        const closing = server.close();
        expect(codeOf(await within(listening, 'the server stopped listening'))).to.equal('Aborted');
        unwrap(await within(closing, 'the server closed'));
      }),
    );
  }

  it(
    'ends a server in the turn in which it began to listen',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const own = await connectToNats({ servers: nats.host });
      scope.defer(() => own.close());
      const config = { endpoint: `nats://${nats.host}/${freshName()}`, connectTimeoutMs: 100 };
      const server = scope.add(new NatsConnectionServer({ ...config, nats: { connection: own } }));
      nats.signal('SIGSTOP');
      const listening = server.listen();
      const closing = server.close();
      expect(codeOf(await within(listening, 'the server stopped listening'))).to.equal('Aborted');
      unwrap(await within(closing, 'the server closed'));
    }),
  );

  it(
    'ends the NATS connection of an aborted attempt when it opens at last',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const [host, port] = nats.host.split(':');
      const late = await listenWith(scope);
      const client = scope.client({
        endpoint: `nats://127.0.0.1:${late.port}/${freshName()}`,
        connectTimeoutMs: 60_000,
      });
      const connecting = client.connect();
      // One NATS connection for each lane.
      const sockets = [await late.next(), await late.next()];
      await client.disconnect();
      expect(codeOf(await connecting)).to.equal('Aborted');
      await Promise.all(
        sockets.map(async (socket) => {
          const closed = once(socket, 'close');
          const broker = connect(Number(port), host);
          socket.pipe(broker).pipe(socket);
          await closed;
        }),
      );
    }),
  );
});

describe('NATS: closing while the NATS server does not answer', () => {
  const LONG = { connectTimeoutMs: 2 ** 31 - 1 };

  it(
    'ends a server that is about to listen, and one of a manager',
    scoped(async (scope) => {
      const silent = await listenWith(scope);
      const config = { endpoint: `nats://127.0.0.1:${silent.port}/${freshName()}`, ...LONG };
      const server = scope.add(new NatsConnectionServer(config));
      const listening = server.listen();
      await silent.next();
      unwrap(await server.close());
      expect(codeOf(await listening)).to.equal('Aborted');

      const { manager, close } = await createNetworking({ transports: [natsTransportModule] });
      const managed = unwrap(manager.createServer({ ...config, endpoint: `${config.endpoint}-2` }));
      const alsoListening = managed.listen();
      await silent.next();
      await close();
      expect(codeOf(await alsoListening)).to.equal('ConnectionClosed');
    }),
  );

  it(
    'ends a client that is about to connect, and leaves another one waiting',
    scoped(async (scope) => {
      const silent = await listenWith(scope);
      const config = { endpoint: `nats://127.0.0.1:${silent.port}/${freshName()}`, ...LONG };
      const [client, other] = [scope.add(new NatsConnection(config)), scope.add(new NatsConnection(config))];
      const [connecting, waiting] = [client.connect(), other.connect()];
      const sockets = [await silent.next(), await silent.next()];
      await client.disconnect();
      expect(codeOf(await connecting)).to.equal('Aborted');
      expect(other.getState()).to.equal('connecting');
      for (const socket of sockets) socket.destroy();
      expect(codeOf(await waiting)).to.equal('TransportUnavailable');
    }),
  );
});

/** A TCP server that sends nothing by itself. `next()` resolves with its next connection. */
async function listenWith(scope: Scope): Promise<{ port: number; next: () => Promise<Socket> }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  let taken = 0;
  scope.defer(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const next = async (): Promise<Socket> => {
    taken += 1;
    while (sockets.length < taken) await once(server, 'connection');
    return sockets[taken - 1]!;
  };
  return { port: (server.address() as AddressInfo).port, next };
}
