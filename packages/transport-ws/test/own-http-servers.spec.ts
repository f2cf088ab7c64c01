import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { codeOf, within } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { WebSocketConnectionServer } from '@entropynet/transport-ws';
import { listenAtEveryAddress } from '@entropynet/transport-ws/internal/node/own-http-servers';
import { UpgradeRouter } from '@entropynet/transport-ws/internal/node/upgrade-router';
import { parseWebSocketAddress } from '@entropynet/transport-ws/internal/protocol/web-socket-address';
import { expect } from 'chai';
import { freePort } from '@entropynet/test/support/nats/nats-server';

describe('listening at every address of a host', () => {
  it('continues after it could not accept a client, with a warning that gives the reason', async () => {
    const servers: Server[] = [];
    const create = (): Server => {
      const server = createServer();
      servers.push(server);
      return server;
    };
    unwrap(await listenAtEveryAddress(unwrap(parseWebSocketAddress('ws://127.0.0.1:0/')), create));
    const [server] = servers;
    const { port } = server?.address() as AddressInfo;
    const warned = once(process, 'warning');
    for (let client = 0; client < 2; client += 1) {
      server?.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    }
    const [warning] = (await warned) as [Error];
    expect(warning.message).to.include(`127.0.0.1:${port} can't accept a client`).and.include('ulimit -n');
    server?.close();
  });

  it('fails if one is in use, also while a client of another is silent', async () => {
    const servers: Server[] = [];
    const create = (): Server => {
      const server = createServer();
      servers.push(server);
      const [first] = servers;
      if (first === undefined || server === first) return server;
      // Another program has the second address; before that is known, a client finds the first.
      server.listen = (): Server => {
        first.once('connection', () => {
          server.emit('error', Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE' }));
        });
        client = connect((first.address() as AddressInfo).port, '127.0.0.1');
        client.on('error', () => undefined);
        return server;
      };
      return server;
    };
    let client: ReturnType<typeof connect> | undefined;
    const port = await freePort();
    const address = unwrap(parseWebSocketAddress(`ws://localhost:${port}/`));
    const outcome = await within(listenAtEveryAddress(address, create), 'it ended');
    client?.destroy();
    expect(outcome.ok ? 'ok' : outcome.error.code).to.equal('AddressInUse');
    expect(servers.map((server) => server.listening)).to.deep.equal([false, false]);
  });

  it('leaves no address open if a further server can not be made', async () => {
    const servers: Server[] = [];
    const create = (): Server => {
      if (servers.length > 0) throw new Error('the certificate is wrong');
      const server = createServer();
      servers.push(server);
      return server;
    };
    const address = unwrap(parseWebSocketAddress('ws://localhost:0/'));
    const outcome = await listenAtEveryAddress(address, create).catch(String);
    expect(outcome).to.equal('Error: the certificate is wrong');
    expect(servers.map((server) => server.listening)).to.deep.equal([false]);
  });

  it('leaves no port open if a server can not take its path', async () => {
    const port = await freePort();
    const server = new WebSocketConnectionServer({ endpoint: `ws://127.0.0.1:${port}/` });
    const { add } = UpgradeRouter;
    UpgradeRouter.add = () => {
      throw new RangeError('Array buffer allocation failed');
    };
    try {
      expect(codeOf(await server.listen())).to.equal('TransportUnavailable');
    } finally {
      UpgradeRouter.add = add;
    }
    unwrap(await server.listen());
    unwrap(await server.close());
  });
});
