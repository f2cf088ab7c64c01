import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { Scope } from '@entropynet/conformance/tools';
import { type ConnectionConfig, NetworkError, unwrap } from '@entropynet/core';
import { ConnectionManager } from '@entropynet/manager';
import { SharedMemoryTransport } from '@entropynet/transport-shm';
import { WebSocketConnection, WebSocketConnectionServer, WebSocketTransport } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';

describe('options that would be ignored', () => {
  const scope = new Scope();

  afterEach(() => scope.dispose());

  function newManager(): ConnectionManager {
    const manager = new ConnectionManager([new SharedMemoryTransport(), new WebSocketTransport()]);
    scope.defer(() => manager.closeAll());
    return manager;
  }

  /** The message of each way to use a configuration. */
  function answersTo(config: ConnectionConfig): string[] {
    const manager = newManager();
    const thrownBy = (create: () => unknown): string => {
      try {
        create();
        return 'taken';
      } catch (error) {
        return error instanceof NetworkError ? `${error.code}: ${error.message}` : String(error);
      }
    };
    return [
      thrownBy(() => unwrap(manager.openConnection(config))),
      thrownBy(() => unwrap(manager.createServer(config))),
      thrownBy(() => new WebSocketConnection(config)),
      thrownBy(() => new WebSocketConnectionServer(config)),
    ];
  }

  it('are refused: tls if no endpoint is encrypted', () => {
    const tls = { rejectUnauthorized: false };
    const refusal =
      "InvalidParameter: invalid configuration: 'webSocket.tls' was given though no endpoint begins with wss://: nothing would be encrypted";
    const answers = answersTo({ endpoint: 'ws://127.0.0.1:0/', webSocket: { tls } });
    expect(new Set(answers)).to.deep.equal(new Set([refusal]));
    const name = newManager().openConnection({ endpoint: 'canvas', webSocket: { tls } });
    expect(name.ok ? 'taken' : `${name.error.code}: ${name.error.message}`).to.equal(refusal);
  });

  it('are accepted if a fallback or the other end uses them', () => {
    const certificateAuthority = '-----BEGIN CERTIFICATE-----';
    const mixed: ConnectionConfig = {
      endpoint: 'ws://127.0.0.1:1/',
      fallback: ['WSS://127.0.0.1:2/'],
      webSocket: { tls: { certificateAuthority } },
    };
    const [client] = answersTo(mixed);
    expect(client).to.equal('taken');
    const bothEnds: ConnectionConfig = {
      endpoint: 'ws://127.0.0.1:0/',
      webSocket: {
        headers: { a: 'b' },
        allowedOrigins: ['https://a.example'],
        responseHeaders: { c: 'd' },
        maxConnections: 3,
      },
      sharedMemory: { regionSize: 65_536 },
    };
    expect(new Set(answersTo(bothEnds))).to.deep.equal(new Set(['taken']));
  });

  it('are refused: createConnection together with an agent', () => {
    const webSocket = { agent: new Agent(), createConnection: connect as never };
    for (const answer of answersTo({ endpoint: 'ws://127.0.0.1:0/', webSocket })) {
      expect(answer).to.match(
        /^InvalidParameter: .*'webSocket\.createConnection' was given together with 'webSocket\.agent'/,
      );
    }
  });

  it('are refused at both ends: origins that no browser sends', () => {
    const webSocket = { allowedOrigins: ['*'] };
    for (const answer of answersTo({ endpoint: 'ws://127.0.0.1:0/', webSocket }))
      expect(answer).to.match(/^InvalidParameter: .*'webSocket.allowedOrigins\[0\]' was given "\*"/);
  });

  it('are refused: transportOptions that no registered transport reads', () => {
    const manager = newManager();
    const messageFor = (transportOptions: NonNullable<ConnectionConfig['transportOptions']>): string => {
      const opened = manager.openConnection({ endpoint: 'canvas', transportOptions });
      return opened.ok ? 'taken' : `${opened.error.code}: ${opened.error.message}`;
    };
    expect(messageFor({ pigeon: { wings: 2 } })).to.equal(
      "InvalidParameter: invalid configuration: 'transportOptions.pigeon' was given, and no transport of that name is registered; registered are 'shared-memory', 'websocket'",
    );
    expect(messageFor({ websocket: { headers: {} } })).to.match(/belong under 'webSocket'$/);
    expect(messageFor({})).to.equal('taken');
  });
});

describe('an endpoint that looks like an address', () => {
  const fixture = sharedMemoryFixture();

  after(() => fixture.dispose?.());

  async function refusalOf(endpoint: string): Promise<string> {
    const client = new SharedMemoryTransport().createConnection({ ...fixture.freshConfig(), endpoint });
    const connected = await client.connect();
    return connected.ok ? 'connected' : connected.error.message;
  }

  for (const [endpoint, hint] of [
    ['localhost:8080', 'ws://localhost:8080'],
    ['127.0.0.1:80/path', 'ws://127.0.0.1:80/path'],
    ['[::1]:9000', 'ws://[::1]:9000'],
    ['example.com', 'ws://example.com'],
    ['/tmp/x.sock', 'no path of a file or a socket'],
    ['./x', 'no path of a file or a socket'],
    ['C:\\pipe', 'no path of a file or a socket'],
  ] as const) {
    it(`is a name, and the error gives a hint: ${endpoint}`, async () => {
      const refusal = await refusalOf(endpoint);
      expect(refusal).to.match(/^no server named '.+' is in the directory /);
      expect(refusal).to.contain(hint);
    });
  }

  it('is a name without a hint if it looks like a name, or has the scheme shm', async () => {
    for (const endpoint of ['canvas', 'team:canvas', 'canvas 2', 'shm://localhost:8080', 'v1.2', 'a:b:80']) {
      expect(await refusalOf(endpoint), endpoint).to.match(/temporary directory$/);
    }
  });

  it('causes a warning of a server that listens there', async () => {
    const config = { ...fixture.freshConfig(), endpoint: 'localhost:8080' };
    const server = new SharedMemoryTransport().createServer(config);
    const warned = once(process, 'warning');
    unwrap(await server.listen());
    const [{ message }] = (await warned) as [Error];
    expect(message).to.match(/and on no port: .* ws:\/\/localhost:8080$/);
    await server.close();
  });
});
