import { scoped, until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { startInspectorAgent } from '@entropynet/inspector';
import { createNetworking, type Networking } from '@entropynet/manager';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { WebSocketConnection, WebSocketConnectionServer, webSocketTransportModule } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import perfHooks from 'node:perf_hooks';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freshName } from '../support/fresh-name.js';
import { next, watched } from './inspector-support.js';

const THREADS = fileURLToPath(new URL('./thread-program.js', import.meta.url));

describe('the inspector, with agents', () => {
  const directory = mkdtempSync(join(tmpdir(), 'entropynet-inspector-'));
  let networking: Networking;

  before(async () => {
    networking = await createNetworking({ transports: [sharedMemoryTransportModule, webSocketTransportModule] });
  });

  after(async () => {
    await networking.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it(
    'gets reports of a process from an agent, and no more after the agent stopped',
    scoped(async (scope) => {
      const { states, inspectorConfig } = await watched(scope, directory);
      const agent = startInspectorAgent({ name: 'tested', inspector: inspectorConfig, intervalMs: 50 });
      scope.defer(() => agent.stop());
      const server = unwrap(networking.manager.createServer({ endpoint: 'ws://127.0.0.1:0/told' }));
      unwrap(await server.listen());
      const config = { endpoint: freshName(), fallback: [server.addresses()[0] ?? ''], sharedMemory: { directory } };
      const client = unwrap(networking.manager.openConnection(config));
      const accepting = server.accept();
      unwrap(await client.connect());
      const accepted = unwrap(await accepting);
      accepted.setMessageCallback(() => undefined);
      unwrap(await client.send(new Uint8Array(1234)));

      const { report } = await next(states, ({ connections }) =>
        connections.some(({ bytesReceived }) => bytesReceived > 0),
      );
      expect(report).to.include({ name: 'tested', processId: process.pid });
      const [first, second] = report.connections;
      expect([first?.role, second?.role].sort()).to.deep.equal(['client', 'server']);
      const told = report.connections.find(({ role }) => role === 'client');
      expect(told).to.include({ backend: 'websocket', bytesSent: 1234, messagesSent: 1 });
      expect(told?.why.join()).to.match(/^not shared-memory: no server named/);
      expect(report.failures[0]).to.include({ code: 'TransportUnavailable', backend: 'shared-memory' });

      await client.close();
      await next(states, ({ connections }) => connections.length === 0);
      await agent.stop();
      for await (const { processes } of states) if (processes.length === 0) break;
    }),
  );

  it(
    'is found by an agent at a fallback of its configuration',
    scoped(async (scope) => {
      const { states, inspectorConfig } = await watched(scope, directory);
      const elsewhere = { ...inspectorConfig, endpoint: freshName(), fallback: [inspectorConfig.endpoint] };
      const agent = startInspectorAgent({ name: 'by a fallback', inspector: elsewhere, intervalMs: 50 });
      scope.defer(() => agent.stop());
      expect((await next(states, () => true)).report.name).to.equal('by a fallback');
    }),
  );

  it(
    'gets no connection from an agent that was stopped while it looked for the inspector',
    scoped(async (scope) => {
      const wanted: (string | undefined)[] = [];
      const server = createServer().on('upgrade', ({ url }: IncomingMessage, socket: Duplex) => {
        wanted.push(url);
        socket.destroy();
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      scope.defer(async () => {
        server.close();
        server.closeAllConnections();
        await once(server, 'close');
      });
      const address = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const agent = startInspectorAgent({ inspector: { endpoint: `${address}/agent` }, intervalMs: 10 });
      await once(server, 'connection');
      await agent.stop();
      // The same steps several times. An agent that continued would have done them by then.
      for (let count = 0; count < 5; count += 1) {
        const own = await createNetworking({ transports: [sharedMemoryTransportModule, webSocketTransportModule] });
        const handle = unwrap(own.manager.openConnection({ endpoint: `${address}/own` }));
        expect((await handle.connect()).ok).to.equal(false);
        await own.close();
      }
      expect(wanted).to.deep.equal(Array.from({ length: 5 }, () => '/own'));
    }),
  );

  it(
    'leaves an agent that measures no delay after the inspector has gone',
    scoped(async (scope) => {
      const { own, states, inspectorConfig } = await watched(scope, directory);
      const { monitorEventLoopDelay } = perfHooks;
      let isMeasuring = false;
      perfHooks.monitorEventLoopDelay = (options) => {
        const delays = monitorEventLoopDelay(options);
        const enable = delays.enable.bind(delays);
        const disable = delays.disable.bind(delays);
        delays.enable = () => {
          isMeasuring = true;
          return enable();
        };
        delays.disable = () => {
          isMeasuring = false;
          return disable();
        };
        return delays;
      };
      syncBuiltinESMExports();
      try {
        const agent = startInspectorAgent({ inspector: inspectorConfig, intervalMs: 10 });
        scope.defer(() => agent.stop());
      } finally {
        perfHooks.monitorEventLoopDelay = monitorEventLoopDelay;
        syncBuiltinESMExports();
      }
      await next(states, () => true);
      expect(isMeasuring).to.equal(true);
      await own.close();
      await until(() => !isMeasuring, 'the agent has noticed that');
    }),
  );

  it(
    'has room for another page and another agent after many have left',
    scoped(async (scope) => {
      const { own, states, inspectorConfig, feedConfig } = await watched(scope, directory);
      // More visits than a manager has places, a few at a time.
      const visit = async (): Promise<void> => {
        for (let index = 0; index < 150; index += 1) {
          for (const config of [feedConfig, inspectorConfig]) {
            const handle = unwrap(networking.manager.openConnection(config));
            unwrap(await handle.connect());
            unwrap(await handle.close());
          }
        }
      };
      await Promise.all([visit(), visit(), visit(), visit()]);
      expect(own.obstacle).to.equal(undefined);
      const agent = startInspectorAgent({ name: 'late', inspector: inspectorConfig, intervalMs: 50 });
      scope.defer(() => agent.stop());
      expect((await next(states, () => true)).report.name).to.equal('late');
    }),
  );

  it('may be missing: an agent without an inspector counts no failure, and keeps no process alive', async () => {
    const program = `
      import { subscribe } from 'node:diagnostics_channel';
      import { startInspectorAgent } from '@entropynet/inspector';
      let failures = 0;
      subscribe('entropynet:failure', () => (failures += 1));
      startInspectorAgent({ inspector: { endpoint: '${freshName()}' }, intervalMs: 10 });
      setTimeout(() => console.log(failures), 200);`;
    const options = { cwd: import.meta.dirname, timeout: 15_000 };
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], options);
    expect(stdout).to.equal('0\n');
  });

  it(
    'ignores invalid reports of an agent, and continues for the others',
    scoped(async (scope) => {
      const { states, inspectorConfig } = await watched(scope, directory);
      const hostile = unwrap(networking.manager.openConnection(inspectorConfig));
      scope.defer(() => hostile.close());
      unwrap(await hostile.connect());
      for (const text of ['junk', '{}', '{"processId":-1}', `"${'x'.repeat(100_000)}"`]) {
        unwrap(await hostile.send(new TextEncoder().encode(text)));
      }
      const agent = startInspectorAgent({ name: 'honest', inspector: inspectorConfig, intervalMs: 50 });
      scope.defer(() => agent.stop());
      const { report } = await next(states, () => true);
      expect(report.name).to.equal('honest');
    }),
  );

  it(
    'distinguishes agents of one process id: threads have their own connections',
    scoped(async (scope) => {
      const { states, inspectorConfig } = await watched(scope, directory);
      const child = fork(THREADS, [JSON.stringify(inspectorConfig)]);
      scope.defer(() => void child.kill());
      for await (const { processes } of states) {
        if (processes.length < 2) continue;
        expect(new Set(processes.map(({ key }) => key))).to.have.property('size', 2);
        expect(processes.map(({ report }) => report.processId)).to.deep.equal([child.pid, child.pid]);
        expect(processes.map(({ report }) => report.threadId).sort()).to.deep.equal([0, 1]);
        break;
      }
    }),
  ).timeout(60_000);

  it(
    'shows an agent with a long interval in every state, between its reports too',
    scoped(async (scope) => {
      const { states, inspectorConfig } = await watched(scope, directory);
      const agent = startInspectorAgent({ name: 'slow', inspector: inspectorConfig, intervalMs: 1000 });
      scope.defer(() => agent.stop());
      const reports = new Set<number>();
      let seen = 0;
      for await (const { processes } of states) {
        if (seen > 0) expect(processes, `state ${seen} after the first report`).to.have.length(1);
        if (processes.length > 0) seen += 1;
        for (const { report } of processes) reports.add(report.measuredAt);
        if (reports.size === 3) break;
      }
    }),
  );

  it(
    'reports every connection of a program with many, both ends with one link, and ended ones',
    scoped(async (scope) => {
      const COUNT = 300;
      const { states, inspectorConfig } = await watched(scope, directory, 500);
      const agent = startInspectorAgent({ name: 'busy', inspector: inspectorConfig, intervalMs: 500 });
      scope.defer(() => agent.stop());
      const server = scope.add(new WebSocketConnectionServer({ endpoint: 'ws://127.0.0.1:0/many' }));
      unwrap(await server.listen());
      const clients: WebSocketConnection[] = [];
      for (let index = 0; index < COUNT; index += 1) {
        const client = scope.add(new WebSocketConnection(server.address() ?? ''));
        const accepting = server.accept();
        unwrap(await client.connect());
        scope.add(unwrap(await accepting)).startReceiving();
        clients.push(client);
      }
      const { report } = await next(states, ({ connectionCount }) => connectionCount === 2 * COUNT);
      expect(report.connections).to.have.length(2 * COUNT);
      expect(report.totals).to.include({ opened: 2 * COUNT, ended: 0 });
      for (const wanted of ['client', 'server']) {
        const links = report.connections.filter(({ role }) => role === wanted).map(({ link }) => link);
        expect(new Set(links).size, wanted).to.equal(COUNT);
      }
      expect(new Set(report.connections.map(({ link }) => link)).size).to.equal(COUNT);
      const accepted = report.connections.find(({ role }) => role === 'server');
      expect(accepted?.peer).to.match(/^127\.0\.0\.1:\d+$/);

      await Promise.all(clients.map((client) => client.disconnect()));
      for await (const { processes, ended } of states) {
        if (processes[0]?.report.connectionCount !== 0 || ended.length === 0) continue;
        expect(processes[0].report.totals).to.include({ opened: 2 * COUNT, ended: 2 * COUNT });
        expect(ended[0]).to.deep.include({ code: '', endpoint: server.address(), backend: 'websocket' });
        expect(ended[0]?.agent).to.include({ name: 'busy', processId: process.pid });
        break;
      }
    }),
  ).timeout(60_000);

  it(
    'reports as many connections as fit in a message',
    scoped(async (scope) => {
      const { states, inspectorConfig } = await watched(scope, directory);
      const config = { ...inspectorConfig, maxMessageSize: 4000 };
      const agent = startInspectorAgent({ inspector: config, intervalMs: 50 });
      scope.defer(() => agent.stop());
      const server = scope.add(new WebSocketConnectionServer({ endpoint: 'ws://127.0.0.1:0/long' }));
      unwrap(await server.listen());
      for (let index = 0; index < 5; index += 1) {
        const client = scope.add(new WebSocketConnection(server.address() ?? ''));
        unwrap(await client.connect());
        scope.add(unwrap(await server.accept())).startReceiving();
        for (const name of ['a', 'b', 'c']) unwrap(await client.openChannel(name.repeat(255)));
      }
      const { report } = await next(states, ({ connectionCount }) => connectionCount === 10);
      expect(report.connections).to.have.length.within(1, 9);
    }),
  );
});
