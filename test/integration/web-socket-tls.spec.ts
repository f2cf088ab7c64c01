import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { type ConnectionConfig, NetworkError, unwrap } from '@entropynet/core';
import { WebSocketConnection, WebSocketConnectionServer, WebSocketTransport } from '@entropynet/transport-ws';
import { expect } from 'chai';
import {
  LOCALHOST_CERTIFICATE,
  LOCALHOST_PRIVATE_KEY,
  TWO_NAMES_CERTIFICATE,
} from '../support/web-socket/localhost-certificate.js';
import { refusalOf, WebSocketFixtures } from '../support/web-socket/web-socket-fixtures.js';

const PASSPHRASE = 'of the test';
const own = { certificate: LOCALHOST_CERTIFICATE, privateKey: LOCALHOST_PRIVATE_KEY };
const trusting = { certificateAuthority: LOCALHOST_CERTIFICATE };

type Tls = NonNullable<NonNullable<ConnectionConfig['webSocket']>['tls']>;

describe('WebSocket: TLS and objects of the program', () => {
  const fixtures = new WebSocketFixtures();
  afterEach(() => fixtures.dispose());

  async function outcomeOf(address: string, tls: Tls): Promise<string> {
    const result = await fixtures.client(address, { webSocket: { tls } }).connect();
    return result.ok ? 'ok' : result.error.code;
  }

  it('a server with an authority requests client certificates, and accepts clients that have one', async () => {
    const server = await fixtures.serve({ tls: { ...own, ...trusting } }, 'wss://localhost:0/test');
    expect(await outcomeOf(server.address()!, { ...own, ...trusting })).to.equal('ok');
    await fixtures.accept(server);
    const without = await fixtures.client(server.address()!, { webSocket: { tls: trusting } }).connect();
    expect(without.ok).to.equal(false);
    const lenient = { ...own, ...trusting, rejectUnauthorized: false };
    const asking = await fixtures.serve({ tls: lenient }, 'wss://localhost:0/test');
    expect(await outcomeOf(asking.address()!, trusting)).to.equal('ok');
  });

  it('a certificate with several common names has no subject: none of them names the peer alone', async () => {
    const lenient = { ...own, ...trusting, rejectUnauthorized: false };
    const server = await fixtures.serve({ tls: lenient }, 'wss://localhost:0/test');
    const subjects: unknown[] = [];
    for (const certificate of [LOCALHOST_CERTIFICATE, TWO_NAMES_CERTIFICATE]) {
      expect(await outcomeOf(server.address()!, { ...own, ...trusting, certificate })).to.equal('ok');
      const { peer } = await fixtures.accept(server);
      subjects.push([peer.tls?.certificate?.subject, peer.tls?.certificate?.fingerprint.length]);
    }
    expect(subjects).to.deep.equal([
      ['localhost', 95],
      [undefined, 95],
    ]);
  });

  it("a client shows its certificate to the program's own https.Server", async () => {
    const options = { cert: own.certificate, key: own.privateKey, ca: own.certificate, requestCert: true };
    const https = createHttpsServer({ ...options, rejectUnauthorized: true });
    https.listen(0, '127.0.0.1');
    await once(https, 'listening');
    fixtures.defer(() => {
      https.close();
      https.closeAllConnections();
    });
    await fixtures.serve({ server: https }, 'wss://localhost/test');
    const address = `wss://127.0.0.1:${(https.address() as AddressInfo).port}/test`;
    expect(await outcomeOf(address, { ...own, ...trusting })).to.equal('ok');
  });

  it('a private key may be encrypted, at both ends', async () => {
    const encrypted = createPrivateKey(LOCALHOST_PRIVATE_KEY).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: PASSPHRASE,
    });
    const tls = { ...own, ...trusting, privateKey: encrypted.toString(), passphrase: PASSPHRASE };
    const server = await fixtures.serve({ tls }, 'wss://localhost:0/test');
    expect(await outcomeOf(server.address()!, tls)).to.equal('ok');
    expect(await outcomeOf(server.address()!, { ...tls, passphrase: 'another one' })).to.equal('InvalidParameter');
  });

  it('the name that a certificate must have can be given', async () => {
    const server = await fixtures.serve({ tls: own }, 'wss://localhost:0/test');
    expect(await outcomeOf(server.address()!, { ...trusting, servername: 'localhost' })).to.equal('ok');
    expect(await outcomeOf(server.address()!, { ...trusting, servername: 'other.example' })).to.equal(
      'HandshakeFailed',
    );
  });

  it('an older version of TLS is refused', async () => {
    const https = createHttpsServer({ cert: own.certificate, key: own.privateKey, maxVersion: 'TLSv1.2' });
    https.listen(0, '127.0.0.1');
    await once(https, 'listening');
    fixtures.defer(() => {
      https.close();
      https.closeAllConnections();
    });
    await fixtures.serve({ server: https }, 'wss://localhost/test');
    const address = `wss://127.0.0.1:${(https.address() as AddressInfo).port}/test`;
    expect(await outcomeOf(address, { ...trusting, minVersion: 'TLSv1.2' })).to.equal('ok');
    expect(await outcomeOf(address, { ...trusting, minVersion: 'TLSv1.3' })).to.equal('HandshakeFailed');
  });

  it('certificates can be replaced while the server listens', async () => {
    const server = await fixtures.serve({ tls: own }, 'wss://localhost:0/test');
    const before = await fixtures.connect(server, { webSocket: { tls: trusting } });
    const broken = server.setTls({ certificate: 'no', privateKey: 'PEM' });
    expect(broken.ok ? 'ok' : broken.error.code).to.equal('InvalidParameter');
    const half = server.setTls({ certificate: LOCALHOST_CERTIFICATE });
    expect(half.ok ? '' : half.error.message).to.contain('webSocket.tls.privateKey');
    unwrap(server.setTls(own));
    expect(await outcomeOf(server.address()!, trusting)).to.equal('ok');
    expect(before.isConnected()).to.equal(true);
    const plain = await fixtures.serve();
    const refused = plain.setTls(own);
    expect(refused.ok ? 'ok' : refused.error.code).to.equal('NotSupported');
  });

  it('the requirements for clients can be replaced, too', async () => {
    const server = await fixtures.serve({ tls: own }, 'wss://localhost:0/test');
    const address = server.address()!;
    expect(await outcomeOf(address, trusting)).to.equal('ok');
    unwrap(server.setTls({ ...own, ...trusting }));
    expect(await outcomeOf(address, trusting), 'without a certificate').not.to.equal('ok');
    expect(await outcomeOf(address, { ...own, ...trusting }), 'with one').to.equal('ok');
    unwrap(server.setTls({ ...own, ...trusting, rejectUnauthorized: false }));
    expect(await outcomeOf(address, trusting), 'asked for and not required').to.equal('ok');
    unwrap(server.setTls({ ...own, ...trusting }));
    expect(await outcomeOf(address, trusting), 'required again').not.to.equal('ok');
  });

  it('options without effect are refused', () => {
    const cases = [
      [{ certificate: LOCALHOST_CERTIFICATE }, "'webSocket.tls.privateKey'"],
      [{ privateKey: LOCALHOST_PRIVATE_KEY }, "'webSocket.tls.certificate'"],
      [{ passphrase: PASSPHRASE }, "'webSocket.tls.privateKey'"],
    ] as const;
    for (const [tls, missing] of cases) {
      const create = (): unknown => new WebSocketConnection({ endpoint: 'wss://127.0.0.1:1', webSocket: { tls } });
      expect(create).to.throw(NetworkError, `without ${missing}`).with.property('code', 'InvalidParameter');
    }
    for (const tls of [own, trusting]) {
      const webSocket = { tls, server: createServer() };
      const create = (): unknown => new WebSocketConnectionServer({ endpoint: 'wss://localhost/', webSocket });
      expect(create).to.throw(NetworkError, "together with 'webSocket.server'");
    }
    const wrong = { endpoint: 'wss://127.0.0.1:1', webSocket: { tls: { minVersion: 'TLSv1.0' as 'TLSv1.2' } } };
    expect(() => new WebSocketConnection(wrong)).to.throw(NetworkError, 'webSocket.tls.minVersion');
  });

  it('requests that a program routes itself become connections', async () => {
    const server = await fixtures.serve({ noServer: true }, 'ws://localhost/routed');
    const http = createServer();
    http.on('upgrade', (request, socket, head) => {
      server.handleUpgrade(request, socket, head);
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    fixtures.defer(() => {
      http.close();
      http.closeAllConnections();
    });
    const address = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/any/path`;
    unwrap(await fixtures.client(address).connect());
    expect((await fixtures.accept(server)).isConnected()).to.equal(true);
    expect(server.address()).to.equal(undefined);
    await server.close();
    expect(await refusalOf(fixtures.raw(address))).to.equal(503);
  });

  it('a request whose client has gone while the program routed it takes no place', async () => {
    const server = await fixtures.serve({ noServer: true, maxConnections: 1 }, 'ws://localhost/routed');
    const http = createServer();
    const routed = new Promise<void>((resolve) => {
      http.once('upgrade', (request, socket, head) => {
        socket.once('close', () => {
          server.handleUpgrade(request, socket, head);
          resolve();
        });
        socket.destroy();
      });
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    fixtures.defer(() => {
      http.close();
      http.closeAllConnections();
    });
    const address = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/any/path`;
    fixtures.raw(address);
    await routed;
    http.on('upgrade', (request, socket, head) => {
      server.handleUpgrade(request, socket, head);
    });
    unwrap(await fixtures.client(address).connect());
    expect((await fixtures.accept(server)).isConnected()).to.equal(true);
  });

  it('an accepted connection knows its peer: address, TLS, request, and the identity that the hook gave', async () => {
    const authenticate = async (request: { readonly headers: Readonly<Record<string, unknown>> }): Promise<unknown> =>
      request.headers['x-user'] === 'ada' ? { name: 'ada' } : undefined;
    const tls = { ...own, ...trusting };
    const server = await fixtures.serve({ authenticate, tls }, 'wss://localhost:0/test');
    const client = await fixtures.connect(server, { webSocket: { tls, headers: { 'X-User': 'ada' } } });
    const { peer } = await fixtures.accept(server);
    expect(peer.identity).to.deep.equal({ name: 'ada' });
    expect(peer.request?.url).to.equal('/test');
    expect(peer.request?.headers['x-user']).to.equal('ada');
    expect(peer.address).to.match(/^127\.0\.0\.1:\d+$/);
    expect(peer.tls?.authorized).to.equal(true);
    expect(peer.tls?.certificate?.fingerprint).to.match(/^[0-9A-F:]{95}$/);
    expect(client.peer.address).to.equal(new URL(server.address()!).host);
    expect(client.peer.tls?.protocol).to.equal('TLSv1.3');
    expect(client.peer.request).to.equal(undefined);
    const nobody = await fixtures.client(server.address()!, { webSocket: { tls } }).connect();
    expect(nobody.ok ? 'ok' : nobody.error.code).to.equal('HandshakeFailed');
  });

  it('a server adds headers to its answer', async () => {
    const responseHeaders = { 'Set-Cookie': ['a=1', 'b=2'], 'X-Served-By': 'test' };
    const server = await fixtures.serve({ responseHeaders });
    const client = fixtures.raw(server.address()!);
    const [response] = (await once(client, 'upgrade')) as [IncomingMessage];
    expect(response.headers['set-cookie']).to.deep.equal(['a=1', 'b=2']);
    expect(response.headers['x-served-by']).to.equal('test');
    const wrong = { endpoint: 'ws://:0', webSocket: { responseHeaders: { a: 'b\nSet-Cookie: c' } } };
    expect(() => new WebSocketConnectionServer(wrong)).to.throw(NetworkError, 'webSocket.responseHeaders');
  });

  it('a server limits the connections of one address', async () => {
    const server = await fixtures.serve({ maxConnectionsPerAddress: 2 });
    await fixtures.connect(server);
    await fixtures.connect(server);
    const third = await fixtures.client(server.address()!).connect();
    expect(third.ok ? 'ok' : third.error.code).to.equal('ResourceLimitExceeded');
    expect(third.ok ? '' : third.error.message)
      .to.contain('429')
      .and.to.contain('this address');
    const other = fixtures.raw(server.address()!, { localAddress: '127.0.0.2' });
    await once(other, 'open');
  });

  it('a client and a probe use the agent, the socket and the addresses that a program gives them', async () => {
    const server = await fixtures.serve();
    const { port } = new URL(server.address()!);
    const used: string[] = [];
    const agent = new Agent();
    const addRequest = Reflect.get(agent, 'addRequest') as (...given: unknown[]) => void;
    Reflect.set(agent, 'addRequest', (...given: unknown[]) => {
      used.push('agent');
      addRequest.apply(agent, given);
    });
    fixtures.defer(() => {
      agent.destroy();
    });
    const createConnection = (): object => {
      used.push('createConnection');
      return connect(Number(port), '127.0.0.1');
    };
    const lookup: NonNullable<ConnectionConfig['webSocket']>['lookup'] = (_host, options, callback) => {
      used.push('lookup');
      if ('all' in options && options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
      else callback(null, '127.0.0.1', 4);
    };
    const nowhere = `ws://nowhere.example:${port}/test`;
    for (const [endpoint, webSocket] of [
      [server.address()!, { agent }],
      [nowhere, { createConnection }],
      [nowhere, { lookup }],
    ] as const) {
      expect(await new WebSocketTransport().probe({ endpoint, webSocket })).to.deep.equal({ available: true });
      unwrap(await fixtures.client(endpoint, { webSocket }).connect());
    }
    expect(used).to.deep.equal(['agent', 'createConnection', 'lookup'].flatMap((each) => [each, each]));
  });
});
