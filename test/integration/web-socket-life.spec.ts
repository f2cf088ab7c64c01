import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { performance } from 'node:perf_hooks';
import { turns, until } from '@entropynet/conformance/tools';
import { encodePeerLimits, NetworkError } from '@entropynet/core';
import { WebSocketConnection, WebSocketConnectionServer, WebSocketTransport } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { LOCALHOST_CERTIFICATE, LOCALHOST_PRIVATE_KEY } from '../support/web-socket/localhost-certificate.js';
import {
  clientMessage,
  messageFrame,
  PEER_LIMITS,
  upgradeRequest,
  WebSocketFixtures,
  Witness,
} from '../support/web-socket/web-socket-fixtures.js';

/** A client in a process of its own: sends what it may, says how much that was, and waits to be killed. */
// Little enough for the receiver's kernel buffer: what is still in the dead sender's own, TCP drops at the first answer.
const CLIENT_PROCESS = `
  import { writeSync } from 'node:fs';
  import { WebSocketConnection } from '@entropynet/transport-ws';
  const connection = new WebSocketConnection(process.argv[1]);
  const connected = await connection.connect();
  if (!connected.ok) throw connected.error;
  const message = new Uint8Array(100);
  for (let index = 0; index < 60; index += 1) {
    const sent = await connection.send(message);
    if (!sent.ok) throw sent.error;
  }
  setImmediate(() => writeSync(1, 'sent'));
  setInterval(() => undefined, 1000);
`;

const FAST_HEARTBEAT = { heartbeat: { intervalMs: 20, timeoutMs: 100 } };

describe('WebSocket: life and death', () => {
  const fixtures = new WebSocketFixtures();

  afterEach(() => fixtures.dispose());

  describe('a peer that dies', () => {
    it('is PeerDied, after all its messages', async () => {
      const server = await fixtures.serve();
      const arguments_ = ['--input-type=module', '--eval', CLIENT_PROCESS, server.address() ?? ''];
      const child = spawn(process.execPath, arguments_, { stdio: ['ignore', 'pipe', 'inherit'] });
      fixtures.defer(() => child.kill('SIGKILL'));
      const connection = await fixtures.accept(server);
      // Nothing is read before the death, so that everything is still on the way when it is noticed.
      await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'exit');
      const witness = new Witness(connection);
      let answers = 0;
      connection.on('message', () => {
        // Writing to a dead peer fails, and must not lose what is still to be read.
        if (connection.trySend(new Uint8Array(10)).ok) answers += 1;
      });
      await witness.ended();
      expect(witness.states).to.deep.equal(['failed']);
      expect(witness.error?.code).to.equal('PeerDied');
      expect(witness.messages).to.have.lengthOf(60);
      expect(answers).to.be.greaterThan(0);
    });

    it('delivers all its messages before its end, to a late receiver', async () => {
      const server = await fixtures.serve();
      const socket = await fixtures.tcp(server.address() ?? '');
      socket.write(upgradeRequest('/test'));
      socket.write(clientMessage(encodePeerLimits(PEER_LIMITS)));
      const connection = await fixtures.accept(server);
      socket.write(Buffer.concat(['one', 'two', 'three'].map((text) => clientMessage(messageFrame(text)))));
      socket.end();
      await once(socket, 'finish');
      await turns(10);
      // In the phase of the timers: the next thing that the event loop does is to read from sockets.
      await new Promise((resolve) => setTimeout(resolve, 1));
      const answers: boolean[] = [];
      connection.on('message', () => answers.push(connection.trySend(new Uint8Array(10)).ok));
      const witness = new Witness(connection);
      await witness.ended();
      expect(witness.texts).to.deep.equal(['one', 'two', 'three']);
      expect(answers).to.deep.equal([true, true, true]);
    });

    for (const how of ['end', 'resetAndDestroy'] as const) {
      it(`without a close frame (${how}) is PeerDied, once`, async () => {
        const server = await fixtures.serve();
        const socket = await fixtures.tcp(server.address() ?? '');
        socket.write(upgradeRequest('/test'));
        socket.write(clientMessage(encodePeerLimits(PEER_LIMITS)));
        const witness = new Witness(await fixtures.accept(server));
        socket.write(clientMessage(messageFrame('last words')));
        await until(() => witness.messages.length === 1, 'the message arrived');
        socket[how]();
        await witness.ended();
        expect(witness.states).to.deep.equal(['failed']);
        expect(witness.error?.code).to.equal('PeerDied');
      });
    }

    it('with a close frame is a goodbye at once, also if the client keeps TCP open', async () => {
      const server = await fixtures.serve(FAST_HEARTBEAT);
      const socket = await fixtures.tcp(server.address() ?? '');
      socket.write(upgradeRequest('/test'));
      socket.write(clientMessage(encodePeerLimits(PEER_LIMITS)));
      const witness = new Witness(await fixtures.accept(server));
      // It reads no more: neither the answer to its goodbye, nor that the server ends TCP.
      socket.pause();
      const goodbye = Uint8Array.of(0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8);
      socket.write(Buffer.concat([clientMessage(messageFrame('last words')), goodbye]));
      await witness.ended();
      expect(witness.states.at(-1)).to.equal('disconnected');
      expect(witness.error).to.equal(undefined);
      expect(witness.texts).to.deep.equal(['last words']);
      expect(socket.destroyed).to.equal(false);
    });

    it('with a close frame after slow messages is a goodbye, also if TCP ends at once', async () => {
      const server = await fixtures.serve();
      const socket = await fixtures.tcp(server.address() ?? '');
      socket.write(upgradeRequest('/test'));
      socket.write(clientMessage(encodePeerLimits(PEER_LIMITS)));
      const connection = await fixtures.accept(server);
      connection.on('message', () => {
        // Longer than a slice: the rest waits while the event loop reads the end of the stream.
        const end = performance.now() + 3;
        while (performance.now() < end);
      });
      const witness = new Witness(connection);
      const messages = ['one', 'two', 'three'].map((text) => clientMessage(messageFrame(text)));
      socket.end(Buffer.concat([...messages, Uint8Array.of(0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8)]));
      await witness.ended();
      expect(witness.states.at(-1)).to.equal('disconnected');
      expect(witness.texts).to.deep.equal(['one', 'two', 'three']);
    });

    it('is seen by a client too, which may connect again', async () => {
      const server = await fixtures.serve();
      const witness = new Witness(await fixtures.connect(server));
      const accepted = await fixtures.accept(server);
      accepted.startReceiving();
      await accepted.disconnect();
      await witness.ended();
      expect(witness.states.at(-1)).to.equal('disconnected');
      expect((await witness.connection.connect()).ok).to.equal(true);
      expect((await fixtures.accept(server)).isConnected()).to.equal(true);
    });
  });

  describe('the heartbeat', () => {
    it('reports a silent peer as unresponsive, then as dead', async () => {
      const server = await fixtures.serve(FAST_HEARTBEAT);
      const socket = await fixtures.tcp(server.address() ?? '');
      socket.resume();
      socket.write(upgradeRequest('/test'));
      socket.write(clientMessage(encodePeerLimits(PEER_LIMITS)));
      const connection = await fixtures.accept(server);
      const events: string[] = [];
      connection.on('unresponsive', () => events.push('unresponsive'));
      connection.on('responsive', () => events.push('responsive'));
      connection.on('state', (state) => events.push(state));
      const witness = new Witness(connection);
      await witness.ended();
      expect(events).to.deep.equal(['unresponsive', 'failed']);
      expect(witness.error?.code).to.equal('PeerDied');
      expect(witness.error?.message).to.contain('heartbeat');
    });

    it('takes any byte as a sign of life', async () => {
      const server = await fixtures.serve({ heartbeat: { intervalMs: 20, timeoutMs: 60_000 } });
      const socket = await fixtures.tcp(server.address() ?? '');
      socket.resume();
      socket.write(upgradeRequest('/test'));
      socket.write(clientMessage(encodePeerLimits(PEER_LIMITS)));
      const connection = await fixtures.accept(server);
      const events: string[] = [];
      connection.on('unresponsive', () => events.push('unresponsive'));
      connection.on('responsive', () => events.push('responsive'));
      const witness = new Witness(connection);
      await until(() => events.length === 1, 'the silence was noticed');
      socket.write(clientMessage(messageFrame('here')));
      await until(() => events.length >= 2, 'the peer is responsive again');
      expect(events.slice(0, 2)).to.deep.equal(['unresponsive', 'responsive']);
      expect(connection.isConnected()).to.equal(true);
      socket.destroy();
      await witness.ended();
    });

    it('says how long a ping and its answer took', async () => {
      const server = await fixtures.serve();
      const endpoint = server.address() ?? '';
      const connection = new WebSocketConnection({ endpoint, webSocket: FAST_HEARTBEAT });
      fixtures.defer(() => connection.disconnect());
      expect(connection.roundTripMs).to.equal(undefined);
      expect((await connection.connect()).ok).to.equal(true);
      (await fixtures.accept(server)).startReceiving();
      await until(() => connection.roundTripMs !== undefined, 'a ping was answered');
      expect(connection.roundTripMs).to.be.within(0, 30_000);
      await connection.disconnect();
      expect(connection.roundTripMs).to.equal(undefined);
    });

    it('keeps an idle connection, also before startReceiving()', async () => {
      const server = await fixtures.serve(FAST_HEARTBEAT);
      const client = new Witness(await fixtures.connect(server, { webSocket: FAST_HEARTBEAT }));
      const connection = await fixtures.accept(server);
      let pings = 0;
      // As many beats as would kill a silent peer several times over.
      await until(() => (pings += 1) > 200, 'time has passed');
      expect(connection.isConnected()).to.equal(true);
      expect(client.states).to.deep.equal([]);
      const accepted = new Witness(connection);
      expect((await client.connection.send(Buffer.from('still here'))).ok).to.equal(true);
      await until(() => accepted.messages.length === 1, 'the message arrived');
    });
  });

  describe('connecting', () => {
    it('to nobody is TransportUnavailable, as the probe says', async () => {
      const server = await fixtures.serve();
      const endpoint = server.address() ?? '';
      const transport = new WebSocketTransport();
      expect((await transport.probe({ endpoint })).available).to.equal(true);
      await server.close();
      const probe = await transport.probe({ endpoint });
      expect(probe.available ? '' : probe.reason).to.match(/^nothing listens at 127\.0\.0\.1:\d+ \(ECONNREFUSED\)$/);
      const result = await fixtures.client(endpoint).connect();
      expect(result.ok ? 'ok' : result.error.code).to.equal('TransportUnavailable');
    });

    it('to a server that never answers ends at the limit or with the signal, and the socket with it', async () => {
      let open = 0;
      const silent = createServer((socket) => {
        open += 1;
        socket.on('error', () => undefined);
        socket.resume();
        socket.on('close', () => (open -= 1));
      });
      silent.listen(0, '127.0.0.1');
      await once(silent, 'listening');
      fixtures.defer(() => silent.close());
      const endpoint = `ws://127.0.0.1:${(silent.address() as { port: number }).port}`;
      const late = await fixtures.client(endpoint, { connectTimeoutMs: 30 }).connect();
      expect(late.ok ? 'ok' : late.error.code).to.equal('Timeout');
      await until(() => open === 0, 'the socket is closed');
      const controller = new AbortController();
      const aborted = fixtures.client(endpoint).connect({ signal: controller.signal });
      await until(() => open === 1, 'the server was reached');
      controller.abort();
      const result = await aborted;
      expect(result.ok ? 'ok' : result.error.code).to.equal('Aborted');
      await until(() => open === 0, 'the socket is closed');
    });

    it('to a server that goes away during the handshake is PeerDied', async () => {
      const rude = createServer((socket) => {
        socket.once('data', () => socket.resetAndDestroy());
      });
      rude.listen(0, '127.0.0.1');
      await once(rude, 'listening');
      fixtures.defer(() => rude.close());
      const result = await fixtures.client(`ws://127.0.0.1:${(rude.address() as { port: number }).port}`).connect();
      expect(result.ok ? 'ok' : result.error.code).to.equal('PeerDied');
    });

    it('with a header that HTTP does not allow is InvalidParameter', async () => {
      const result = await fixtures.client('ws://127.0.0.1:1', { webSocket: { headers: { a: 'b\nc' } } }).connect();
      expect(result.ok ? 'ok' : result.error.code).to.equal('InvalidParameter');
    });

    it('takes just an endpoint', async () => {
      const server = await fixtures.serve();
      const client = new WebSocketConnection(server.address() ?? '');
      expect((await client.connect()).ok).to.equal(true);
      await client.disconnect();
    });
  });

  describe('TLS', () => {
    const tls = { certificate: LOCALHOST_CERTIFICATE, privateKey: LOCALHOST_PRIVATE_KEY };
    const trusting = { webSocket: { tls: { certificateAuthority: LOCALHOST_CERTIFICATE } } };

    it('carries messages if the client trusts the certificate', async () => {
      const server = await fixtures.serve({ tls }, 'wss://localhost:0/test');
      expect(server.address()).to.match(/^wss:\/\/127\.0\.0\.1:\d+\/test$/);
      const client = await fixtures.connect(server, trusting);
      const accepted = new Witness(await fixtures.accept(server));
      expect((await client.send(new Uint8Array(500_000).fill(5))).ok).to.equal(true);
      await until(() => accepted.messages.length === 1, 'the message arrived');
      expect(accepted.messages[0]?.every((byte) => byte === 5)).to.equal(true);
      await client.disconnect();
      await accepted.ended();
      expect(accepted.states.at(-1)).to.equal('disconnected');
    });

    it('fails if it does not, unless verification is off', async () => {
      const server = await fixtures.serve({ tls }, 'wss://localhost:0/test');
      const result = await fixtures.client(server.address() ?? '').connect();
      expect(result.ok ? 'ok' : result.error.code).to.equal('HandshakeFailed');
      expect(result.ok ? '' : result.error.message).to.contain('SELF_SIGNED');
      await fixtures.connect(server, { webSocket: { tls: { rejectUnauthorized: false } } });
    });

    it('needs a certificate and a key', async () => {
      const endpoint = 'wss://localhost:0';
      expect(() => new WebSocketConnectionServer({ endpoint })).to.throw(NetworkError, 'webSocket.tls.certificate');
      const { certificate } = tls;
      expect(() => new WebSocketConnectionServer({ endpoint, webSocket: { tls: { certificate } } })).to.throw(
        NetworkError,
        'webSocket.tls.privateKey',
      );
      const broken = { certificate: 'no', privateKey: 'PEM' };
      const result = await new WebSocketConnectionServer({ endpoint, webSocket: { tls: broken } }).listen();
      expect(result.ok ? 'ok' : result.error.code).to.equal('InvalidParameter');
    });
  });

  it('an unreferenced connection keeps no process alive', async () => {
    const server = await fixtures.serve();
    const script = `
      import { WebSocketConnection } from '@entropynet/transport-ws';
      const connection = new WebSocketConnection(process.argv[1]);
      connection.unref();
      const connected = await connection.connect();
      if (!connected.ok) throw connected.error;
    `;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script, server.address() ?? ''], {
      stdio: 'inherit',
    });
    fixtures.defer(() => child.kill('SIGKILL'));
    const witness = new Witness(await fixtures.accept(server));
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).to.equal(0);
    await witness.ended();
    expect(witness.error?.code).to.equal('PeerDied');
  });
});
