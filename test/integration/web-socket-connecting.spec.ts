import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { until } from '@entropynet/conformance/tools';
import { type ConnectionConfig, NetworkError, unwrap } from '@entropynet/core';
import { WebSocketConnection, WebSocketConnectionServer, WebSocketTransport } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { catchUncaught } from '../support/uncaught.js';
import { unhandledDuring } from '../support/unhandled.js';
import { LOCALHOST_CERTIFICATE, LOCALHOST_PRIVATE_KEY } from '../support/web-socket/localhost-certificate.js';
import { WebSocketFixtures, Witness } from '../support/web-socket/web-socket-fixtures.js';
import { spawn } from 'node:child_process';

describe('WebSocket: connecting', () => {
  const fixtures = new WebSocketFixtures();

  afterEach(() => fixtures.dispose());

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

  it('without memory for the link is ResourceLimitExceeded, and with another exception HandshakeFailed', async () => {
    const server = await fixtures.serve();
    const { port } = new URL(server.address()!);
    const errors: (NetworkError | undefined)[] = [];
    for (const reason of ['Array buffer allocation failed', 'the listener is broken']) {
      const createConnection = (): object =>
        Object.assign(connect(Number(port), '127.0.0.1'), {
          prependListener: () => {
            throw new RangeError(reason);
          },
        });
      const result = await fixtures.client(server.address()!, { webSocket: { createConnection } }).connect();
      errors.push(result.ok ? undefined : result.error);
    }
    const where = `no WebSocket connection to 127.0.0.1:${port}`;
    expect(errors.map((error) => [error?.code, error?.message])).to.deep.equal([
      ['ResourceLimitExceeded', `${where}: this process has no memory left`],
      ['HandshakeFailed', `${where}: the listener is broken`],
    ]);
  });

  it('takes just an endpoint', async () => {
    const server = await fixtures.serve();
    const client = new WebSocketConnection(server.address() ?? '');
    expect((await client.connect()).ok).to.equal(true);
    await client.disconnect();
  });

  it('without a reference keeps no process alive', async () => {
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

describe("WebSocket: a program's function that makes no socket", () => {
  const fixtures = new WebSocketFixtures();

  afterEach(() => fixtures.dispose());

  const cases: readonly [string, unknown][] = [
    ['a Promise', Promise.resolve({})],
    ['an object', {}],
    ['a string', 'socket'],
    ['null', null],
  ];
  for (const [kind, made] of cases) {
    it(`fails its own attempt, and names what it returned: ${kind}`, async () => {
      const uncaught: unknown[] = [];
      fixtures.defer(catchUncaught((error) => uncaught.push(error)));
      const server = await fixtures.serve();
      const createConnection = (): object => made as object;
      const config = { endpoint: server.address()!, webSocket: { createConnection } };
      const reason = `'webSocket.createConnection' returned ${kind}; a socket is allowed`;
      const connected = await fixtures.client(config.endpoint, config).connect();
      expect(connected.ok ? 'ok' : connected.error.message).to.contain(reason);
      const probe = await new WebSocketTransport().probe(config);
      expect(probe.available ? 'available' : probe.reason).to.contain(reason);
      await fixtures.connect(server);
      expect(uncaught).to.deep.equal([]);
    });
  }

  it('fails its own attempt, and not the process: a promise that rejects', async () => {
    const server = await fixtures.serve();
    const createConnection = (): object => Promise.reject(new Error('no socket'));
    const unhandled = await unhandledDuring(async () => {
      const connected = await fixtures.client(server.address()!, { webSocket: { createConnection } }).connect();
      expect(connected.ok ? 'ok' : connected.error.message).to.contain('returned a Promise; a socket is allowed');
    });
    expect(unhandled).to.deep.equal([]);
  });

  it('fails its own attempt, and not the process: a lookup that rejects', async () => {
    const lookup = (): never => Promise.reject(new Error('no address')) as never;
    const unhandled = await unhandledDuring(async () => {
      const connected = await fixtures.client('ws://anywhere.invalid:1', { webSocket: { lookup } }).connect();
      expect(connected.ok ? 'ok' : connected.error.message).to.contain('no address');
    });
    expect(unhandled).to.deep.equal([]);
  });

  it('keeps the answer of a lookup that rejects after it', async () => {
    const server = await fixtures.serve();
    const { port } = new URL(server.address()!);
    const lookup: NonNullable<ConnectionConfig['webSocket']>['lookup'] = (_host, _options, callback) =>
      Promise.resolve().then(() => {
        callback(null, [{ address: '127.0.0.1', family: 4 }]);
        throw new Error('after the answer');
      }) as never;
    const unhandled = await unhandledDuring(async () => {
      const client = fixtures.client(`ws://anywhere.invalid:${port}/test`, { webSocket: { lookup } });
      unwrap(await client.connect());
    });
    expect(unhandled).to.deep.equal([]);
  });

  it('takes the first answer of a lookup that answers twice', async () => {
    const server = await fixtures.serve();
    const { port } = new URL(server.address()!);
    const lookup: NonNullable<ConnectionConfig['webSocket']>['lookup'] = (_host, _options, callback) => {
      for (let answers = 0; answers < 2; answers += 1) callback(null, [{ address: '127.0.0.1', family: 4 }]);
    };
    const uncaught: unknown[] = [];
    fixtures.defer(catchUncaught((error) => uncaught.push(error)));
    const client = fixtures.client(`ws://anywhere.invalid:${port}/test`, { webSocket: { lookup } });
    unwrap(await client.connect());
    expect(uncaught).to.deep.equal([]);
  });
});

describe('WebSocket: connecting with TLS', () => {
  const fixtures = new WebSocketFixtures();

  afterEach(() => fixtures.dispose());

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

  it('ends a client whose TLS handshake runs when the server closes, and keeps the others', async () => {
    const limits = { handshakeTimeoutMs: 600_000 };
    const server = await fixtures.serve({ tls, ...limits }, 'wss://127.0.0.1:0/test');
    const silent = connect(Number(new URL(server.address()!).port), '127.0.0.1');
    fixtures.defer(() => silent.destroy());
    silent.on('error', () => undefined);
    await once(silent, 'connect');
    const ended = once(silent, 'close');
    // The server takes its clients in order, so it knows the silent one then.
    const client = await fixtures.connect(server, { webSocket: { tls: { rejectUnauthorized: false } } });
    const accepted = new Witness(await fixtures.accept(server));
    unwrap(await server.close());
    await ended;
    unwrap(await client.send(Uint8Array.of(7)));
    await until(() => accepted.messages.length === 1, 'the message arrived');
  });
});
