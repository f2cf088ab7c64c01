import { fork } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Scope, scoped, turns, until } from '@entropynet/conformance/tools';
import {
  type ConnectionDiagnostics,
  DiagnosticsChannel,
  type FailureDiagnostics,
  type NetworkConnection,
  unwrap,
} from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { createNetworking, type FallbackDiagnostics } from '@entropynet/manager';
import { WebSocketTransport, webSocketTransportModule } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { freshName } from '../support/fresh-name.js';
import { catchUncaught } from '../support/uncaught.js';
import { pigeonTransportModule } from './manager-support.js';

/** Records the messages of a diagnostics channel until the end of the scope. */
function listenTo<T>(scope: Scope, name: DiagnosticsChannel): T[] {
  const messages: T[] = [];
  const onMessage = (message: unknown): void => {
    messages.push(message as T);
  };
  subscribe(name, onMessage);
  scope.defer(() => unsubscribe(name, onMessage));
  return messages;
}

for (const [name, transport, endpoint] of [
  ['loopback', new LoopbackTransport(), () => `loopback://${freshName()}`],
  ['WebSocket', new WebSocketTransport(), () => `ws://127.0.0.1:0/${freshName()}`],
] as const) {
  describe(`diagnostics channels, ${name}`, () => {
    it(
      'report both ends of a connection and its end',
      scoped(async (scope) => {
        const connects = listenTo<ConnectionDiagnostics>(scope, DiagnosticsChannel.Connect);
        const disconnects = listenTo<ConnectionDiagnostics>(scope, DiagnosticsChannel.Disconnect);
        const failures = listenTo<FailureDiagnostics>(scope, DiagnosticsChannel.Failure);
        const server = scope.add(transport.createServer({ endpoint: endpoint() }));
        unwrap(await server.listen());
        const client = scope.add(transport.createConnection({ endpoint: server.address()! }));
        unwrap(await client.connect());
        const accepted = scope.add(unwrap(await server.accept()));
        accepted.startReceiving();
        const both = (messages: ConnectionDiagnostics[]): Set<NetworkConnection> =>
          new Set(messages.map(({ connection }) => connection));
        await until(() => connects.length === 2, 'both ends were reported');
        expect(both(connects)).to.deep.equal(new Set([client, accepted]));
        expect(connects[0]).to.include({ backend: client.getBackend() });
        await client.disconnect();
        await until(() => disconnects.length === 2, 'both ends were reported as ended');
        expect(both(disconnects)).to.deep.equal(new Set([client, accepted]));
        expect(failures).to.deep.equal([]);
      }),
    );

    it(
      'report a failure with its error, like state callbacks',
      scoped(async (scope) => {
        const failures = listenTo<FailureDiagnostics>(scope, DiagnosticsChannel.Failure);
        const client = scope.add(transport.createConnection({ endpoint: endpoint().replace(':0/', ':9/') }));
        expect((await client.connect()).ok).to.equal(false);
        expect(failures).to.have.length(1);
        expect(failures[0]?.connection).to.equal(client);
        expect(failures[0]?.error.code).to.equal('TransportUnavailable');
      }),
    );

    it(
      'report backpressure once each time that it begins',
      scoped(async (scope) => {
        const stalls = listenTo<{ connection: unknown; channel: unknown; length: number }>(
          scope,
          DiagnosticsChannel.Backpressure,
        );
        const server = scope.add(transport.createServer({ endpoint: endpoint(), sendTimeoutMs: 50 }));
        unwrap(await server.listen());
        const client = scope.add(transport.createConnection({ endpoint: server.address()!, sendTimeoutMs: 50 }));
        unwrap(await client.connect());
        scope.add(unwrap(await server.accept()));
        while (client.trySend(new Uint8Array(50_000)).ok);
        for (let count = 0; count < 5; count += 1) client.trySend(new Uint8Array(50_000));
        expect(stalls).to.have.length(1);
        expect(stalls[0]).to.include({ connection: client, channel: undefined, length: 50_000 });
      }),
    );

    it(
      'pass an exception of a subscriber to the process, and disturb no connection',
      scoped(async (scope) => {
        const thrown: unknown[] = [];
        scope.defer(catchUncaught((error) => thrown.push(error)));
        const fail = (): never => {
          throw new Error('a subscriber of the test');
        };
        subscribe(DiagnosticsChannel.Connect, fail);
        scope.defer(() => unsubscribe(DiagnosticsChannel.Connect, fail));
        const server = scope.add(transport.createServer({ endpoint: endpoint() }));
        unwrap(await server.listen());
        const client = scope.add(transport.createConnection({ endpoint: server.address()! }));
        unwrap(await client.connect());
        scope.add(unwrap(await server.accept())).startReceiving();
        await turns(3);
        expect(client.isConnected()).to.equal(true);
        expect(thrown).to.not.be.empty;
      }),
    );
  });
}

describe('diagnostics of the manager', () => {
  it(
    'report the fallback and its reason, for clients and servers',
    scoped(async (scope) => {
      const fallbacks = listenTo<FallbackDiagnostics>(scope, DiagnosticsChannel.Fallback);
      const transports = [pigeonTransportModule, webSocketTransportModule];
      const { manager } = scope.add(await createNetworking({ transports, log: () => undefined }));
      const server = unwrap(manager.createServer({ endpoint: 'ws://127.0.0.1:0' }));
      unwrap(await server.listen());
      expect(fallbacks).to.deep.equal([]);
      const endpoint = `pigeon://${freshName()}`;
      const handle = unwrap(manager.openConnection({ endpoint, fallback: server.addresses() }));
      unwrap(await handle.connect());
      expect(fallbacks).to.have.length(1);
      expect(fallbacks[0]).to.include({ endpoint, role: 'client' });
      expect(fallbacks[0]?.taken[0]).to.include({ backend: 'websocket' });
      expect(fallbacks[0]?.passedOver[0]).to.include({ backend: 'carrier-pigeon', code: 'TransportUnavailable' });
    }),
  );
});

describe('the debug log', () => {
  async function outputOf(debug: string): Promise<string> {
    const program = fileURLToPath(new URL('../support/debug-log-program.js', import.meta.url));
    const child = fork(program, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, NODE_DEBUG: debug },
    });
    let output = '';
    child.stderr?.on('data', (bytes: Buffer) => (output += bytes.toString()));
    await once(child, 'close');
    return output;
  }

  it('says nothing unless asked', async () => {
    expect(await outputOf('http')).to.not.match(/entropynet/i);
  });

  it('logs connections and servers, completely or by section, and never a secret', async () => {
    const all = await outputOf('entropynet');
    expect(all).to.match(/ENTROPYNET \d+: connection: .*connected/);
    expect(all).to.match(/ENTROPYNET \d+: ws: .*HandshakeFailed.*secret/);
    expect(all).to.not.include('secret of the program');
    const section = await outputOf('entropynet-ws');
    expect(section)
      .to.match(/ENTROPYNET-WS \d+: ws: /)
      .and.not.match(/connection: /);
  });
});
