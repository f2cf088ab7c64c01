import { until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { type ConnectionReport, type InspectorState, serveInspector, startInspectorAgent } from '@entropynet/inspector';
import { createNetworking } from '@entropynet/manager';
import { jsonCodec, toTypedPort } from '@entropynet/messaging';
import { instrumentConnections } from '@entropynet/opentelemetry';
import { collectManagerMetrics } from '@entropynet/prometheus';
import { natsTransportModule } from '@entropynet/transport-nats';
import { WebSocketConnection } from '@entropynet/transport-ws';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { freshName } from '../support/fresh-name.js';
import { describeNats, natsTest } from '../support/nats/describe-nats.js';

describeNats('monitoring over NATS', () => {
  it(
    'links both ends in the inspector without their subjects, and has the round trip and the label of the transport',
    natsTest(async (scope) => {
      const directory = mkdtempSync(join(tmpdir(), 'en-nats-monitor-'));
      scope.defer(() => {
        rmSync(directory, { recursive: true, force: true });
      });
      const name = freshName();
      const inspector = unwrap(await serveInspector({ directory, endpoint: name, intervalMs: 50 }));
      scope.defer(() => inspector.close());
      const agent = startInspectorAgent({
        inspector: { endpoint: name, sharedMemory: { directory } },
        intervalMs: 50,
      });
      scope.defer(() => agent.stop());
      const url = new URL(inspector.address);
      const secret = url.searchParams.get('token') ?? '';
      const feed = scope.add(new WebSocketConnection({ endpoint: `ws://${url.host}/feed`, secret }));
      unwrap(await feed.connect());

      const exporter = new InMemorySpanExporter();
      const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
      scope.defer(instrumentConnections({ tracerProvider }));
      const { manager, close } = await createNetworking({ transports: [natsTransportModule] });
      scope.defer(close);
      const register = new Registry();
      collectManagerMetrics(manager, { register });

      const { port } = await scope.natsServer();
      const config = {
        // A long service name. The text that links the ends has the same length for every name.
        endpoint: `nats://127.0.0.1:${port}/${freshName()}/${'deep'.repeat(100)}`,
        nats: { heartbeat: { intervalMs: 20 } },
      };
      const server = unwrap(manager.createServer(config));
      unwrap(await server.listen());
      const client = unwrap(manager.openConnection(config));
      unwrap(await client.connect());
      const accepted = unwrap(await server.accept());
      unwrap(await client.send(new Uint8Array(1234)));
      await until(
        () => client.roundTripMs !== undefined && accepted.roundTripMs !== undefined,
        'both ends have measured a round trip',
      );

      let ends: readonly ConnectionReport[] = [];
      for await (const { processes } of toTypedPort<InspectorState>(feed, { codec: jsonCodec() })) {
        // The feed itself is a connection of this process, too.
        ends = processes[0]?.report.connections.filter(({ backend }) => backend === 'nats') ?? [];
        if (ends.length === 2 && ends.every(({ roundTripMs }) => roundTripMs !== null)) break;
      }
      expect(new Set(ends.map(({ role }) => role))).to.deep.equal(new Set(['client', 'server']));
      expect(new Set(ends.map(({ link }) => link)).size).to.equal(1);
      expect(ends[0]?.link).to.match(/^nats-[0-9a-f]{24}$/);
      expect(ends.find(({ role }) => role === 'client')?.unconfirmedBytes).to.equal(1234);

      const metrics = await register.metrics();
      expect(metrics).to.contain('entropynet_backend_connections{backend="nats"} 2');
      expect(metrics).to.contain('entropynet_backend_unconfirmed_bytes{backend="nats"} 1234');
      expect(metrics).to.match(/entropynet_backend_round_trip_mean_seconds\{backend="nats"\} \d/);
      const span = exporter.getFinishedSpans().find(({ attributes }) => attributes['entropynet.backend'] === 'nats');
      expect(span?.attributes).to.include({ 'server.address': '127.0.0.1', 'server.port': port });
    }),
  );

  it(
    'names the default port of NATS in a span',
    natsTest(async (scope) => {
      const exporter = new InMemorySpanExporter();
      const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
      scope.defer(instrumentConnections({ tracerProvider }));
      for (const [endpoint, address] of [
        ['nats:///service', '127.0.0.1'],
        ['nats://[::1]/service', '::1'],
      ] as const) {
        exporter.reset();
        // The program cancels it at once, so no server is needed there.
        const client = scope.client({ endpoint });
        const connecting = client.connect();
        await client.disconnect();
        await connecting;
        const [span] = exporter.getFinishedSpans();
        expect(span?.attributes).to.include({ 'server.address': address, 'server.port': 4222 });
      }
    }),
  );
});
