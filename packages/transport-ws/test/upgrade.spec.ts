import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { failureOf } from '@entropynet/conformance/tools';
import { NetworkError, unwrap } from '@entropynet/core';
import { WebSocketConnectionServer } from '@entropynet/transport-ws';
import { checkAuthentication, checkHeaders } from '@entropynet/transport-ws/internal/node/upgrade-gate';
import { UpgradeRouter } from '@entropynet/transport-ws/internal/node/upgrade-router';
import { expect } from 'chai';
import { arriveLate, SHORT_LIMIT_MS } from '@entropynet/test/support/late-arrival';
import { refusalOf, WebSocketFixtures } from '@entropynet/test/support/web-socket/web-socket-fixtures';

/** What a module of the package exports, loaded a second time as another installed copy of it is. */
async function secondCopy(): Promise<typeof UpgradeRouter> {
  const module = import.meta.resolve('@entropynet/transport-ws/internal/node/upgrade-router');
  const copy = (await import(`${module}?copy`)) as { readonly UpgradeRouter: typeof UpgradeRouter };
  return copy.UpgradeRouter;
}

describe('upgrade requests', () => {
  const fixtures = new WebSocketFixtures();
  afterEach(() => fixtures.dispose());

  it('of an unknown path get one answer if two copies of this package share one server', async () => {
    const http = createServer();
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    fixtures.defer(() => {
      http.close();
      http.closeAllConnections();
    });
    const Copy = await secondCopy();
    expect(Copy).not.to.equal(UpgradeRouter);
    const remove = Copy.add(http, '/copy', (_request, socket) => {
      socket.end('HTTP/1.1 503 The copy\r\nConnection: close\r\n\r\n');
    });
    fixtures.defer(() => remove?.());
    await fixtures.serve({ server: http }, 'ws://localhost/test');
    const { port } = http.address() as AddressInfo;
    expect(await refusalOf(fixtures.raw(`ws://127.0.0.1:${port}/other`))).to.equal(404);
    expect(await refusalOf(fixtures.raw(`ws://127.0.0.1:${port}/copy`))).to.equal(503);
    const config = { endpoint: 'ws://localhost/copy', webSocket: { server: http } };
    const taken = await new WebSocketConnectionServer(config).listen();
    expect(taken.ok ? 'ok' : taken.error.code).to.equal('AddressInUse');
  });

  it('for which there is no memory end alone', async () => {
    const http = await fixtures.httpServer();
    const server = await fixtures.serve({ noServer: true }, 'ws://localhost/test');
    let count = 0;
    http.on('upgrade', (request, socket, head) => {
      count += 1;
      if (count === 1) {
        const get = (): never => {
          throw new RangeError('Array buffer allocation failed');
        };
        // Node.js itself sets it.
        Object.defineProperty(socket, 'prependListener', { get, set: () => undefined });
      }
      server.handleUpgrade(request, socket, head);
    });
    const { port } = http.address() as AddressInfo;
    const warned = once(process, 'warning') as Promise<[Error]>;
    await once(fixtures.raw(`ws://127.0.0.1:${port}/test`), 'close');
    expect((await warned)[0].message).to.contain('this process has no memory left');
    const client = fixtures.raw(`ws://127.0.0.1:${port}/test`);
    const [greeting] = (await once(client, 'message')) as [Buffer];
    expect(greeting).to.have.length(24);
  });

  it('count once if the program passes them twice', async () => {
    const http = await fixtures.httpServer();
    const server = await fixtures.serve({ noServer: true, maxConnections: 2 }, 'ws://localhost/test');
    http.on('upgrade', (request, socket, head) => {
      server.handleUpgrade(request, socket, head);
      server.handleUpgrade(request, socket, head);
    });
    const { port } = http.address() as AddressInfo;
    const address = `ws://127.0.0.1:${port}/test`;
    for (let count = 0; count < 2; count += 1) {
      unwrap(await fixtures.client(address).connect());
      await fixtures.accept(server);
    }
    failureOf(await fixtures.client(address).connect(), 'ResourceLimitExceeded');
  });

  it('are admitted by an answer of the hook that arrived while the process was busy', async () => {
    let answer: (value: object) => void = () => undefined;
    const authenticate = (): Promise<object> => new Promise((resolve) => (answer = resolve));
    const config = { authenticate, handshakeTimeoutMs: SHORT_LIMIT_MS };
    const checked = checkAuthentication({} as never, config as never, new AbortController().signal);
    const identity = { user: 'ada' };
    arriveLate(() => {
      answer(identity);
    });
    expect(await checked).to.deep.equal({ identity });
  });

  it('of a refused origin show it printable in the log', () => {
    const request = { headers: { origin: 'http://evil.example\u001b[31m', 'sec-websocket-protocol': 'entropynet.v1' } };
    const refusal = checkHeaders(request as never, { allowedOrigins: ['https://a.example'] } as never);
    expect(refusal?.status).to.equal(403);
    expect(refusal?.reason).not.to.contain('evil');
    expect(refusal?.detail).to.contain('http://evil.example').and.to.contain('https://a.example');
    expect(refusal?.detail).not.to.contain('\u001b');
  });
});

describe('TLS options of a server whose program does the TLS', () => {
  const tls = { certificate: 'PEM', privateKey: 'PEM' };
  const server = createServer();

  for (const [option, webSocket] of Object.entries({ noServer: { noServer: true }, server: { server } })) {
    it(`are refused by an error that names 'webSocket.${option}'`, () => {
      const config = { endpoint: 'wss://localhost/test', webSocket: { ...webSocket, tls } };
      const sentence = `'webSocket.tls.certificate' was given together with 'webSocket.${option}'`;
      expect(() => new WebSocketConnectionServer(config)).to.throw(NetworkError, sentence);
    });
  }
});
