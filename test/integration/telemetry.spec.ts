import { until } from '@entropynet/conformance/tools';
import { LoopbackTransport } from '@entropynet/core/testing';
import { type ConnectionConfig, TRANSPORT, unwrap } from '@entropynet/core';
import { type ConnectionHandle, createNetworking, type Networking } from '@entropynet/manager';
import { requestReply } from '@entropynet/messaging';
import { instrumentConnections, instrumentManager, traceRequests } from '@entropynet/opentelemetry';
import { collectManagerMetrics, metricsHandler } from '@entropynet/prometheus';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  MetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { expect } from 'chai';
import { ContainerModule } from 'inversify';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { freshName } from '../support/fresh-name.js';

const loopbackModule = new ContainerModule(({ bind }) => {
  bind(TRANSPORT).toConstantValue(new LoopbackTransport());
});

/** Collects when it is asked, and at no other time. */
class OnDemandReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

describe('telemetry', () => {
  let networking: Networking;

  beforeEach(async () => {
    networking = await createNetworking({ transports: [loopbackModule, webSocketTransportModule] });
  });

  afterEach(() => networking.close());

  async function connected(config: Partial<ConnectionConfig> = {}): Promise<[ConnectionHandle, ConnectionHandle]> {
    const server = unwrap(networking.manager.createServer({ endpoint: `loopback://${freshName()}`, ...config }));
    unwrap(await server.listen());
    const client = unwrap(networking.manager.openConnection({ ...config, endpoint: server.addresses()[0]! }));
    const accepting = server.accept();
    unwrap(await client.connect());
    return [client, unwrap(await accepting)];
  }

  describe('for Prometheus', () => {
    async function scrape(register: Registry, method = 'GET'): Promise<Response> {
      const server = createServer(metricsHandler(register)).listen(0, '127.0.0.1');
      await once(server, 'listening');
      try {
        const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
        const response = await fetch(address, { method, headers: { connection: 'close' } });
        return new Response(method === 'HEAD' ? null : await response.text(), response);
      } finally {
        server.close();
        await once(server, 'close');
      }
    }

    it("reads the manager's counters at the scrape", async () => {
      const register = new Registry();
      const stop = collectManagerMetrics(networking.manager, { register, labels: { part: 'engine' } });
      const [client, accepted] = await connected();
      accepted.setMessageCallback(() => undefined);
      for (let index = 0; index < 3; index += 1) unwrap(await client.send(new Uint8Array(100)));
      await until(() => accepted.getStats().messagesReceived === 3, 'the messages arrived');
      const response = await scrape(register);
      expect(response.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/);
      const lines = (await response.text()).split('\n');
      expect(lines).to.include.members([
        'entropynet_sent_bytes_total{part="engine"} 300',
        'entropynet_received_messages_total{part="engine"} 3',
        'entropynet_connections_opened_total{part="engine"} 2',
        'entropynet_connections{part="engine"} 2',
        '# TYPE entropynet_sent_bytes_total counter',
        '# TYPE entropynet_connections gauge',
      ]);
      unwrap(await client.send(new Uint8Array(100)));
      expect(await (await scrape(register)).text()).to.contain('entropynet_sent_bytes_total{part="engine"} 400\n');
      stop();
      expect(await (await scrape(register)).text()).to.not.contain('entropynet');
    });

    it('has several managers, with different labels', async () => {
      const register = new Registry();
      const other = await createNetworking({ transports: [loopbackModule] });
      const stops = [
        collectManagerMetrics(networking.manager, { register, labels: { part: 'a' } }),
        collectManagerMetrics(other.manager, { register, labels: { part: 'b' } }),
      ];
      expect(() => collectManagerMetrics(networking.manager, { register })).to.throw(
        TypeError,
        'labels were given none',
      );
      expect(() => collectManagerMetrics(other.manager, { register, labels: { part: 'c' } })).to.throw(
        'collected already',
      );
      stops[0]?.();
      const text = await register.metrics();
      expect(text).to.contain('entropynet_connections{part="b"} 0').and.to.not.contain('part="a"');
      stops[1]?.();
      await other.close();
    });

    it('answers HEAD without a body, refuses other methods, and hides the reason of a failure', async () => {
      const register = new Registry();
      const head = await scrape(register, 'HEAD');
      expect([head.status, await head.text()]).to.deep.equal([200, '']);
      const post = await scrape(register, 'POST');
      expect([post.status, post.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
      const broken = {
        activeCount: () => {
          throw new Error('secret');
        },
        capacity: () => 1,
        getManagerMetrics: () => networking.manager.getManagerMetrics(),
      };
      collectManagerMetrics(broken, { register });
      const warning = once(process, 'warning');
      const failed = await scrape(register);
      expect([failed.status, await failed.text()]).to.deep.equal([500, '']);
      expect((await warning)[0]).to.have.property('message', 'secret');
    });
  });

  describe('for OpenTelemetry', () => {
    const spans = new InMemorySpanExporter();
    const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
    const tracer = tracerProvider.getTracer('test');

    before(() => {
      context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
      propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    });

    after(() => {
      context.disable();
      propagation.disable();
    });

    beforeEach(() => {
      spans.reset();
    });

    async function spanNamed(name: string): Promise<ReadableSpan> {
      await tracerProvider.forceFlush();
      const span = spans.getFinishedSpans().find((each) => each.name === name);
      if (span === undefined)
        throw new Error(
          `no span ${name} among ${spans
            .getFinishedSpans()
            .map((each) => each.name)
            .join()}`,
        );
      return span;
    }

    /** The values of each metric, by name. */
    async function measurementsOf(
      reader: OnDemandReader,
    ): Promise<Record<string, { value: unknown; attributes: unknown }[]>> {
      const { resourceMetrics, errors } = await reader.collect();
      expect(errors).to.be.empty;
      const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
      return Object.fromEntries(
        all.map(({ descriptor, dataPoints }) => [
          descriptor.name,
          dataPoints.map(({ value, attributes }) => ({ value, attributes })),
        ]),
      );
    }

    it('has a span for each attempt to connect, under the active span, with the reason of a failure', async () => {
      const reader = new OnDemandReader();
      const meterProvider = new MeterProvider({ readers: [reader] });
      const stop = instrumentConnections({ tracerProvider, meterProvider });
      try {
        await tracer.startActiveSpan('caller', async (caller) => {
          await connected({ endpoint: 'ws://127.0.0.1:0/traced' });
          caller.end();
        });
        const connect = await spanNamed('entropynet connect');
        const caller = (await spanNamed('caller')).spanContext();
        expect(connect.parentSpanContext?.spanId).to.equal(caller.spanId);
        expect(connect.spanContext().traceId).to.equal(caller.traceId);
        expect(connect.kind).to.equal(SpanKind.CLIENT);
        expect(connect.attributes).to.include({ 'entropynet.backend': 'websocket' });
        expect(connect.attributes['entropynet.endpoint']).to.match(/^ws:\/\/127\.0\.0\.1:\d+\/traced$/);

        spans.reset();
        const nobody = unwrap(networking.manager.openConnection({ endpoint: 'ws://127.0.0.1:9/' }));
        expect((await nobody.connect()).ok).to.equal(false);
        const failed = await spanNamed('entropynet connect');
        expect(failed.attributes).to.include({ 'error.type': 'TransportUnavailable' });
        expect(failed.status.message).to.contain('127.0.0.1:9');

        const measured = await measurementsOf(reader);
        expect(measured['entropynet.failures']).to.deep.equal([
          { value: 1, attributes: { 'entropynet.backend': 'websocket', 'error.type': 'TransportUnavailable' } },
        ]);
        const durations = measured['entropynet.connect.duration'] as { value: { count: number } }[];
        expect(durations.map(({ value }) => value.count)).to.deep.equal([1, 1]);
      } finally {
        stop();
        await meterProvider.shutdown();
      }
      spans.reset();
      await connected();
      await tracerProvider.forceFlush();
      expect(spans.getFinishedSpans()).to.be.empty;
    });

    it("reads a manager's counters when metrics are collected", async () => {
      const reader = new OnDemandReader();
      const meterProvider = new MeterProvider({ readers: [reader] });
      let asked = 0;
      const { manager } = networking;
      const counted = {
        activeCount: () => manager.activeCount(),
        capacity: () => manager.capacity(),
        getManagerMetrics: () => {
          asked += 1;
          return manager.getManagerMetrics();
        },
      };
      const stop = instrumentManager(counted, { meterProvider, attributes: { part: 'engine' } });
      const [client] = await connected();
      unwrap(await client.send(new Uint8Array(7)));
      const measured = await measurementsOf(reader);
      const attributes = { part: 'engine' };
      expect(measured['entropynet.io']).to.deep.equal([
        { value: 7, attributes: { ...attributes, 'network.io.direction': 'transmit' } },
        { value: 0, attributes: { ...attributes, 'network.io.direction': 'receive' } },
      ]);
      expect(measured['entropynet.connections']).to.deep.equal([{ value: 2, attributes }]);
      expect(measured['entropynet.connections.opened']).to.deep.equal([{ value: 2, attributes }]);
      expect(asked).to.equal(1);
      stop();
      await reader.collect();
      expect(asked).to.equal(1);
      await meterProvider.shutdown();
    });

    it('is exported as the SDK exports anything', async () => {
      const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
      const reader = new OnDemandReader();
      const meterProvider = new MeterProvider({ readers: [reader] });
      instrumentManager(networking.manager, { meterProvider });
      await connected();
      const { resourceMetrics } = await reader.collect();
      await new Promise((resolve) => {
        exporter.export(resourceMetrics, resolve);
      });
      const [exported] = exporter.getMetrics();
      const names = exported?.scopeMetrics.flatMap(({ metrics }) => metrics.map(({ descriptor }) => descriptor.name));
      expect(names).to.include('entropynet.connections.opened');
      await meterProvider.shutdown();
    });

    it("follows a request to the peer's handler, and the handler's own requests", async () => {
      const [client, accepted] = await connected({ endpoint: 'ws://127.0.0.1:0/requests' });
      const near = traceRequests(unwrap(await requestReply<string, string>(client)), { tracerProvider });
      const far = traceRequests(unwrap(await requestReply<string, string>(accepted)), { tracerProvider });
      near.handle((request) => `${request}!`);
      far.handle(async (request, { metadata }) => {
        expect(metadata).to.include({ tag: 'x' }).and.to.have.property('traceparent');
        return `${trace.getActiveSpan()?.spanContext().traceId} ${unwrap(await far.request(request))}`;
      });
      const caller = tracer.startSpan('caller');
      const active = trace.setSpan(context.active(), caller);
      const reply = await context.with(active, () => near.request('hello', { metadata: { tag: 'x' } }));
      caller.end();
      const { traceId } = caller.spanContext();
      expect(unwrap(reply)).to.equal(`${traceId} hello!`);
      await until(() => spans.getFinishedSpans().length === 5, 'all spans ended');
      const finished = spans.getFinishedSpans();
      expect(finished.map((span) => span.spanContext().traceId)).to.deep.equal(Array(5).fill(traceId));
      const parentOf = (span: ReadableSpan): ReadableSpan | undefined =>
        finished.find((each) => each.spanContext().spanId === span.parentSpanContext?.spanId);
      const chain: string[] = [];
      const innermost = finished.find((span) => finished.every((each) => parentOf(each) !== span));
      for (let span = innermost; span !== undefined; span = parentOf(span)) chain.push(span.name);
      expect(chain).to.deep.equal([
        'entropynet handle',
        'entropynet request',
        'entropynet handle',
        'entropynet request',
        'caller',
      ]);
    });

    it('marks requests and handlers that failed', async () => {
      const [client, accepted] = await connected();
      const near = traceRequests(unwrap(await requestReply<string, string>(client)), { tracerProvider, channel: 'c' });
      const far = traceRequests(unwrap(await requestReply<string, string>(accepted)), { tracerProvider });
      far.handle(() => {
        throw new Error('no luck');
      });
      const reply = await near.request('x');
      expect(reply.ok ? 'ok' : reply.error.code).to.equal('CallbackFailed');
      expect((await spanNamed('entropynet request')).attributes).to.deep.equal({
        'entropynet.channel': 'c',
        'error.type': 'CallbackFailed',
      });
      const handled = await spanNamed('entropynet handle');
      expect(handled.events.map(({ attributes }) => attributes?.['exception.message'])).to.deep.equal(['no luck']);
      far.handle(null);
      const refused = await near.request('y');
      expect(refused.ok ? 'ok' : refused.error.code).to.equal('NotSupported');
    });

    it('changes nothing if no SDK is registered', async () => {
      const stop = instrumentConnections();
      const stopManager = instrumentManager(networking.manager);
      const [client, accepted] = await connected();
      const near = traceRequests(unwrap(await requestReply<string, string>(client)));
      traceRequests(unwrap(await requestReply<string, string>(accepted))).handle((text) => text);
      expect(unwrap(await near.request('same'))).to.equal('same');
      stop();
      stopManager();
    });
  });
});
