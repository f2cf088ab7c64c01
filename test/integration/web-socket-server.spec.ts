import { once } from 'node:events';
import { get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from '@entropynet/conformance/tools';
import { encodePeerLimits, NetworkError, redactEndpoint, unwrap } from '@entropynet/core';
import { type Authenticate, WebSocketConnectionServer, WebSocketTransport } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { WebSocketServer } from 'ws';
import {
  closeOf,
  PEER_LIMITS,
  refusalOf,
  upgradeRequest,
  WebSocketFixtures,
  Witness,
} from '../support/web-socket/web-socket-fixtures.js';

describe('WebSocket: servers', () => {
  const fixtures = new WebSocketFixtures();

  afterEach(() => fixtures.dispose());

  function portOf(server: Server): number {
    return (server.address() as AddressInfo).port;
  }

  describe('the address', () => {
    it('has the real port and the path for clients', async () => {
      const server = await fixtures.serve();
      expect(server.address()).to.match(/^ws:\/\/127\.0\.0\.1:\d+\/test$/);
      await fixtures.connect(server);
      await server.close();
      expect(server.address()).to.equal(undefined);
      expect(server.isListening()).to.equal(false);
    });

    for (const endpoint of ['ws://localhost:0', 'ws://:0']) {
      it(`of ${endpoint} is on this machine only`, async () => {
        const server = await fixtures.serve({}, endpoint);
        expect(server.address()).to.match(/^ws:\/\/127\.0\.0\.1:\d+$/);
        await fixtures.connect(server);
      });
    }

    it('in use is AddressInUse, and free again after close', async () => {
      const first = await fixtures.serve();
      const address = first.address() ?? '';
      const second = new WebSocketConnectionServer({ endpoint: address });
      const refused = await second.listen();
      expect(refused.ok ? 'ok' : refused.error.code).to.equal('AddressInUse');
      await first.close();
      expect((await second.listen()).ok).to.equal(true);
      fixtures.defer(() => second.close());
      expect(second.address()).to.equal(address);
    });

    it('that is no WebSocket URL is InvalidParameter', () => {
      for (const endpoint of ['canvas', 'shm://canvas', 'ws://host:99999', 'ws://host#part']) {
        const create = (): unknown => new WebSocketTransport().createServer({ endpoint });
        expect(create, endpoint).to.throw(NetworkError, redactEndpoint(endpoint));
        expect(() => new WebSocketTransport().createConnection({ endpoint }), endpoint).to.throw(
          NetworkError,
          redactEndpoint(endpoint),
        );
      }
    });
  });

  describe('the gate', () => {
    it('refuses pages of other origins', async () => {
      const server = await fixtures.serve({ allowedOrigins: ['https://friend.example'] });
      const address = server.address() ?? '';
      expect(await refusalOf(fixtures.raw(address, { origin: 'https://evil.example' }))).to.equal(403);
      expect(await refusalOf(fixtures.raw(address, { origin: 'null' }))).to.equal(403);
      await once(fixtures.raw(address, { origin: 'https://friend.example' }), 'open');
      await once(fixtures.raw(address), 'open');
    });

    it('refuses every page if no origin is allowed', async () => {
      const server = await fixtures.serve();
      const page = fixtures.raw(server.address() ?? '', { origin: 'http://127.0.0.1' });
      expect(await refusalOf(page)).to.equal(403);
    });

    const refusing: Record<string, Authenticate> = {
      'says no': () => false,
      'says no later': async () => false,
      throws: () => {
        throw new Error('no');
      },
      rejects: () => Promise.reject(new Error('no')),
      'never answers': () => new Promise(() => undefined),
    };
    for (const [what, authenticate] of Object.entries(refusing)) {
      it(`refuses with 401 when the hook ${what}, and the client sees the reason`, async () => {
        const server = await fixtures.serve({ authenticate, handshakeTimeoutMs: 100 });
        const client = fixtures.client(server.address() ?? '');
        const result = await client.connect();
        expect(result.ok ? 'ok' : result.error.code).to.equal('HandshakeFailed');
        expect(result.ok ? '' : result.error.message).to.contain('401');
      });
    }

    it('accepts the clients that the hook accepts, by their configured headers', async () => {
      const authenticate: Authenticate = async (request) => request.headers['authorization'] === 'Bearer 1';
      const server = await fixtures.serve({ authenticate });
      await fixtures.connect(server, { webSocket: { headers: { Authorization: 'Bearer 1' } } });
      const other = await fixtures.client(server.address() ?? '').connect();
      expect(other.ok).to.equal(false);
    });

    it('answers 404 to another path, 400 to another subprotocol and 426 to a request without an upgrade', async () => {
      const server = await fixtures.serve();
      const address = server.address() ?? '';
      expect(await refusalOf(fixtures.raw(address.replace('/test', '/other')))).to.equal(404);
      expect(await refusalOf(fixtures.raw(address, { protocols: ['chat'] }))).to.equal(400);
      const request = get(address.replace('ws:', 'http:'));
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.resume();
      expect(response.statusCode).to.equal(426);
    });

    it('ignores the query of the path', async () => {
      const server = await fixtures.serve();
      await once(fixtures.raw(`${server.address() ?? ''}?token=1`), 'open');
    });

    it('answers 503 beyond maxConnections, until one has ended', async () => {
      const server = await fixtures.serve({ maxConnections: 1 });
      const first = await fixtures.connect(server);
      const accepted = new Witness(await fixtures.accept(server));
      expect(await refusalOf(fixtures.raw(server.address() ?? ''))).to.equal(503);
      await first.disconnect();
      await accepted.ended();
      let isConnected = false;
      await until(async () => {
        isConnected ||= (await fixtures.client(server.address() ?? '').connect()).ok;
        return isConnected;
      }, 'there is room for another');
    });

    it('gives up on a client that does not finish its request', async () => {
      const server = await fixtures.serve({ handshakeTimeoutMs: 50 });
      const slow = await fixtures.tcp(server.address() ?? '');
      slow.write(upgradeRequest('/test').slice(0, 40));
      slow.resume();
      await once(slow, 'close');
      await fixtures.connect(server);
    });

    it('accepts a client that greeted in time, if the thread was busy beyond the time limit', async () => {
      const server = await fixtures.serve({ handshakeTimeoutMs: 100 });
      const client = fixtures.raw(server.address() ?? '');
      await once(client, 'open');
      client.send(encodePeerLimits(PEER_LIMITS));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      expect((await fixtures.accept(server)).isConnected()).to.equal(true);
    });

    it('survives clients that vanish at any moment of the handshake', async () => {
      const server = await fixtures.serve({
        authenticate: () => new Promise((resolve) => setImmediate(resolve, true)),
      });
      for (let length = 0; length <= 4; length += 1) {
        const socket = await fixtures.tcp(server.address() ?? '');
        const request = upgradeRequest('/test');
        socket.write(request.slice(0, (request.length * length) / 4));
        socket.resetAndDestroy();
      }
      await fixtures.connect(server);
      expect((await fixtures.accept(server)).isConnected()).to.equal(true);
    });
  });

  describe('on an HTTP server of the user', () => {
    it('shares it by path with other servers and with the user', async () => {
      const http = await fixtures.httpServer();
      const users = new WebSocketServer({ noServer: true });
      http.on('upgrade', (request, socket, head) => {
        if (request.url !== '/users') return;
        users.handleUpgrade(request, socket, head, (webSocket) => {
          webSocket.send('from the user');
        });
      });
      const one = await fixtures.serve({ server: http }, 'ws://localhost/one');
      const two = await fixtures.serve({ server: http }, 'ws://localhost/two');
      expect(one.address()).to.equal(`ws://127.0.0.1:${portOf(http)}/one`);
      await fixtures.connect(one);
      expect((await fixtures.accept(one)).isConnected()).to.equal(true);
      await fixtures.connect(two);
      expect((await fixtures.accept(two)).isConnected()).to.equal(true);
      const [text] = (await once(fixtures.raw(`ws://127.0.0.1:${portOf(http)}/users`), 'message')) as [Buffer];
      expect(text.toString()).to.equal('from the user');
      await one.close();
      expect(http.listenerCount('upgrade')).to.equal(2);
      await two.close();
      expect(http.listenerCount('upgrade')).to.equal(1);
      expect(http.listening).to.equal(true);
    });

    it('answers 404 without another handler', async () => {
      const http = await fixtures.httpServer();
      await fixtures.serve({ server: http }, 'ws://localhost/one');
      expect(await refusalOf(fixtures.raw(`ws://127.0.0.1:${portOf(http)}/other`))).to.equal(404);
    });

    it('refuses a path that is in use there', async () => {
      const http = await fixtures.httpServer();
      await fixtures.serve({ server: http }, 'ws://localhost/one');
      const second = await new WebSocketConnectionServer({
        endpoint: 'ws://localhost/one',
        webSocket: { server: http },
      }).listen();
      expect(second.ok ? 'ok' : second.error.code).to.equal('AddressInUse');
    });

    it('refuses a value that is not an HTTP server', () => {
      const create = (): unknown => new WebSocketConnectionServer({ endpoint: 'ws://:0', webSocket: { server: {} } });
      expect(create).to.throw(NetworkError, 'webSocket.server');
    });
  });

  describe('close', () => {
    it('ends unaccepted connections and keeps accepted ones', async () => {
      const server = await fixtures.serve();
      const kept = await fixtures.connect(server);
      const accepted = new Witness(await fixtures.accept(server));
      const ending = new Witness(await fixtures.connect(server));
      const unknown = fixtures.raw(server.address() ?? '');
      await once(unknown, 'open');
      const closed = closeOf(unknown);
      await server.close();
      await ending.ended();
      expect(ending.states.at(-1)).to.equal('disconnected');
      await closed;
      const refused = await server.accept();
      expect(refused.ok ? 'ok' : refused.error.code).to.equal('ConnectionClosed');
      expect((await kept.send(Buffer.from('on'))).ok).to.equal(true);
      await until(() => accepted.messages.length === 1, 'the message arrived');
      expect(accepted.states).to.deep.equal([]);
    });

    it('ends waiting calls of accept()', async () => {
      const server = await fixtures.serve();
      const waiting = server.accept();
      await server.close();
      const result = await waiting;
      expect(result.ok ? 'ok' : result.error.code).to.equal('ConnectionClosed');
    });

    it('leaves no handle and no timer behind', async () => {
      const before = process.getActiveResourcesInfo().sort();
      const server = await fixtures.serve();
      const client = await fixtures.connect(server);
      const accepted = new Witness(await fixtures.accept(server));
      await client.disconnect();
      await accepted.ended();
      await server.close();
      let now: string[] = [];
      await until(
        () => {
          now = process.getActiveResourcesInfo().sort();
          return now.filter((name) => name !== 'Immediate').length <= before.length + 1;
        },
        () => `nothing is left of ${now.join(', ')}; before there was ${before.join(', ')}`,
      );
      expect(now.filter((name) => name.startsWith('TCP'))).to.deep.equal(
        before.filter((name) => name.startsWith('TCP')),
      );
    });

    it('may be followed by listen at once, which runs after it', async () => {
      const server = await fixtures.serve();
      const closing = server.close();
      unwrap(await server.listen());
      unwrap(await closing);
      expect(server.isListening()).to.equal(true);
      await fixtures.connect(server);
      expect((await fixtures.accept(server)).isConnected()).to.equal(true);
    });

    it('may be followed by listen', async () => {
      const server = await fixtures.serve();
      await server.close();
      expect((await server.listen()).ok).to.equal(true);
      await fixtures.connect(server);
      expect((await fixtures.accept(server)).isConnected()).to.equal(true);
    });
  });
});
