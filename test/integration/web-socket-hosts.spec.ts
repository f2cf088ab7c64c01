import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { NetworkError, unwrap } from '@entropynet/core';
import { ConnectionManager } from '@entropynet/manager';
import { WebSocketConnectionServer, WebSocketTransport } from '@entropynet/transport-ws';
import { WebSocketConnection as PageConnection } from '@entropynet/transport-ws/browser';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import { refusalOf, upgradeRequest, WebSocketFixtures } from '../support/web-socket/web-socket-fixtures.js';

const SECRET = 'a secret of many characters';

/** The usual loopback addresses, as far as this machine has them. */
const LOOPBACKS = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .map(({ address }) => address)
  .filter((address) => address === '127.0.0.1' || address === '::1');

describe('WebSocket: hosts and other programs', () => {
  const fixtures = new WebSocketFixtures();
  afterEach(() => fixtures.dispose());

  it('a server of localhost leaves no loopback address of its port to another program', async () => {
    const server = await fixtures.serve({}, 'ws://localhost:0/test');
    const { port } = new URL(server.address()!);
    for (const host of LOOPBACKS) {
      const other = createServer();
      other.listen({ host, port: Number(port) });
      const [error] = (await once(other, 'error')) as [NodeJS.ErrnoException];
      expect(error.code, host).to.equal('EADDRINUSE');
      const shown = host.includes(':') ? `[${host}]` : host;
      unwrap(await fixtures.client(`ws://${shown}:${port}/test`).connect());
    }
    await server.close();
    for (const host of LOOPBACKS) {
      const other = createServer();
      fixtures.defer(() => other.close());
      other.listen({ host, port: Number(port) });
      await once(other, 'listening');
    }
  });

  it('a server of localhost does not listen if another program has one of the addresses', async () => {
    for (const host of LOOPBACKS) {
      const other = createServer();
      fixtures.defer(() => other.close());
      other.listen({ host, port: 0 });
      await once(other, 'listening');
      const { port } = other.address() as AddressInfo;
      const server = new WebSocketConnectionServer({ endpoint: `ws://localhost:${port}` });
      const listening = await server.listen();
      expect(listening.ok ? 'ok' : listening.error.code, host).to.equal('AddressInUse');
      expect(server.address()).to.equal(undefined);
    }
  });

  it('leaves a request for another protocol to its own listener', async () => {
    const http = await fixtures.httpServer();
    const reloading = new WebSocketServer({ noServer: true });
    http.on('upgrade', (request, socket, head) => {
      if (request.headers['sec-websocket-protocol'] !== 'hot-reload') return;
      reloading.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.send('reload');
        webSocket.close(4000);
      });
    });
    const server = await fixtures.serve({ server: http }, 'ws://localhost/');
    const { port } = http.address() as AddressInfo;
    const page = fixtures.raw(`ws://127.0.0.1:${port}/`, { protocols: ['hot-reload'], origin: 'http://page.example' });
    const messages: string[] = [];
    page.on('message', (data: Buffer) => messages.push(data.toString()));
    const [code] = (await once(page, 'close')) as [number];
    expect(messages).to.deep.equal(['reload']);
    expect(code).to.equal(4000);
    await fixtures.connect(server);
  });

  it('answers 400 to another protocol without another listener', async () => {
    const http = await fixtures.httpServer();
    await fixtures.serve({ server: http }, 'ws://localhost/');
    const { port } = http.address() as AddressInfo;
    expect(await refusalOf(fixtures.raw(`ws://127.0.0.1:${port}/`, { protocols: ['chat'] }))).to.equal(400);
  });

  it('unref() leaves the HTTP server of the user alone', async () => {
    const http = await fixtures.httpServer();
    const servers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
    const before = servers();
    const attached = await fixtures.serve({ server: http }, 'ws://localhost/test');
    attached.unref();
    expect(servers()).to.equal(before);
    const own = await fixtures.serve({}, 'ws://127.0.0.1:0/test');
    expect(servers()).to.equal(before + 1);
    own.unref();
    expect(servers()).to.equal(before);
  });

  it('many handshakes at once warn of no leak', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): number => warnings.push(warning);
    process.on('warning', onWarning);
    fixtures.defer(() => process.off('warning', onWarning));
    const server = new WebSocketConnectionServer({
      endpoint: 'ws://127.0.0.1:0/test',
      secret: SECRET,
      webSocket: {
        authenticate: () => new Promise((resolve) => setTimeout(resolve, 20, true)),
      },
    });
    fixtures.defer(() => server.close());
    unwrap(await server.listen());
    const connecting = Array.from({ length: 30 }, () =>
      fixtures.client(server.address()!, { secret: SECRET }).connect(),
    );
    for (const result of await Promise.all(connecting)) unwrap(result);
    for (let count = 0; count < 30; count += 1) await fixtures.accept(server);
    // Warnings are emitted in a later tick.
    await new Promise(setImmediate);
    expect(warnings).to.deep.equal([]);
  });

  it('refuses origins that no browser sends, with a hint', () => {
    const cases = [
      ['http://localhost:5173/', "'http://localhost:5173' is meant"],
      ['https://Example.com', "'https://example.com' is meant"],
      ['http://a.example:80', "'http://a.example' is meant"],
      ['https://a.example/app?x=1', "'https://a.example' is meant"],
      ['tauri://LocalHost/', "'tauri://localhost' is meant"],
      ['*', 'an origin like'],
      ['not an origin', 'an origin like'],
      ['', 'an origin like'],
    ] as const;
    for (const [origin, hint] of cases) {
      const allowedOrigins = ['https://right.example', origin];
      const create = (): unknown =>
        new WebSocketConnectionServer({ endpoint: 'ws://:0', webSocket: { allowedOrigins } });
      expect(create, origin).to.throw(NetworkError, hint).with.property('code', 'InvalidParameter');
      expect(create, origin).to.throw(NetworkError, "'webSocket.allowedOrigins[1]'");
    }
    const right = ['https://a.example:8443', 'http://[::1]:8080', 'null', 'chrome-extension://abcdef'];
    expect(new WebSocketConnectionServer({ endpoint: 'ws://:0', webSocket: { allowedOrigins: right } })).to.be.an(
      'object',
    );
  });

  it('a full server is ResourceLimitExceeded, with its reason', async () => {
    const server = await fixtures.serve({ maxConnections: 1 });
    await fixtures.connect(server);
    const refused = await fixtures.client(server.address()!).connect();
    expect(refused.ok ? 'ok' : refused.error.code).to.equal('ResourceLimitExceeded');
    expect(refused.ok ? '' : refused.error.message)
      .to.contain('503')
      .and.to.contain('too many connections');
  });

  it('the text of an HTTP server is cut and made printable, and the wait for it is limited', async () => {
    const http = createServer((socket) => {
      socket.on('error', () => undefined);
      // The answer contains neither its length nor its end.
      socket.once('data', () => {
        socket.write(`HTTP/1.1 403 No\r\n\r\n\u001b[31mno\u202e${'x'.repeat(100_000)}`);
      });
      fixtures.defer(() => socket.destroy());
    });
    fixtures.defer(() => http.close());
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    const refused = await fixtures.client(`ws://127.0.0.1:${port}/`).connect();
    expect(refused.ok ? 'ok' : refused.error.code).to.equal('HandshakeFailed');
    const message = refused.ok ? '' : refused.error.message;
    expect(message)
      .to.contain('HTTP status 403 No')
      .and.to.match(/u\{1b\}\[31mno/);
    expect(message).not.to.match(/[\p{Cc}\p{Cf}]/u);
    expect(message.length).to.be.lessThan(400);
  });

  it('a manager makes one TCP connection for a connection, and none to probe', async () => {
    const http = await fixtures.httpServer();
    let sockets = 0;
    http.on('connection', () => (sockets += 1));
    await fixtures.serve({ server: http }, 'ws://localhost/test');
    const { port } = http.address() as AddressInfo;
    const manager = new ConnectionManager([new WebSocketTransport()]);
    const handle = unwrap(manager.openConnection({ endpoint: `ws://127.0.0.1:${port}/test` }));
    fixtures.defer(() => handle.close());
    unwrap(await handle.connect());
    expect(sockets).to.equal(1);
  });

  it("the client for pages works over the 'ws' package as the platform's WebSocket", async () => {
    const server = await fixtures.serve();
    const global = globalThis as { WebSocket?: unknown };
    const real = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');
    Object.defineProperty(globalThis, 'WebSocket', { value: WebSocket, configurable: true, writable: true });
    fixtures.defer(() => {
      if (real === undefined) delete global.WebSocket;
      else Object.defineProperty(globalThis, 'WebSocket', real);
    });
    const page = new PageConnection(server.address()!);
    fixtures.defer(() => page.disconnect());
    unwrap(await page.connect());
    const accepted = await fixtures.accept(server);
    accepted.startReceiving();
    const received = new Promise<Uint8Array>((resolve) => {
      page.setMessageCallback(resolve);
    });
    unwrap(await accepted.send(Uint8Array.of(1, 2, 3)));
    expect([...(await received)]).to.deep.equal([1, 2, 3]);
  });

  it('a WebSocket of the platform that throws fails the attempt, with a reason', async () => {
    const server = await fixtures.serve();
    class Broken extends WebSocket {
      override send(): void {
        throw new TypeError('send is not what it was');
      }
    }
    const global = globalThis as { WebSocket?: unknown };
    const real = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');
    Object.defineProperty(globalThis, 'WebSocket', { value: Broken, configurable: true, writable: true });
    fixtures.defer(() => {
      if (real === undefined) delete global.WebSocket;
      else Object.defineProperty(globalThis, 'WebSocket', real);
    });
    const result = await new PageConnection(server.address()!).connect();
    expect(result.ok ? 'ok' : result.error.code).to.equal('HandshakeFailed');
    expect(result.ok ? '' : result.error.message).to.contain('send is not what it was');
  });

  it('a client that offers the protocol among others is accepted', async () => {
    const server = await fixtures.serve();
    const socket = await fixtures.tcp(server.address()!);
    const request = upgradeRequest('/test').replace('Protocol: ', 'Protocol: chat, ');
    socket.write(request);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).to.match(/^HTTP\/1\.1 101 [^]*Sec-WebSocket-Protocol: entropynet\.v1\r\n/);
  });
});
