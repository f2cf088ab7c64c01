import { until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { MAX_METADATA_BYTES, requestReply } from '@entropynet/messaging';
import { instrumentConnections, instrumentManager, traceRequests } from '@entropynet/opentelemetry';
import { context, diag, propagation, SpanKind, trace, type Tracer, type TracerProvider } from '@opentelemetry/api';
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
import { describeOver } from './transport-bench.js';

/** Collects only on request. */
class OnDemandReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

describeOver('loopback', 'telemetry for OpenTelemetry', (bench) => {
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

  /** Returns what OpenTelemetry's diagnostic logger gets from now on. */
  function errorsOfDiagnostics(): unknown[] {
    const said: unknown[] = [];
    const ignore = (): void => undefined;
    const error = (_sentence: string, ...rest: unknown[]): void => void said.push(...rest);
    diag.setLogger({ error, warn: ignore, info: ignore, debug: ignore, verbose: ignore });
    return said;
  }

  const fault = new Error('a fault of the program');
  const fail = (): never => {
    throw fault;
  };

  it('is lost, and no connection with it, if a sampler of the program throws', async () => {
    const said = errorsOfDiagnostics();
    const faulty = new BasicTracerProvider({ sampler: { shouldSample: fail, toString: () => 'faulty' } });
    const stop = instrumentConnections({ tracerProvider: faulty });
    try {
      const [client] = await bench.connect();
      expect(client.isConnected()).to.equal(true);
    } finally {
      stop();
      diag.disable();
    }
    expect(said).to.deep.equal([fault]);
  });

  for (const [what, faulty] of [
    ['a sampler', new BasicTracerProvider({ sampler: { shouldSample: fail, toString: () => 'faulty' } })],
    [
      'a span processor',
      new BasicTracerProvider({
        spanProcessors: [{ onStart: () => undefined, onEnd: fail, forceFlush: fail, shutdown: fail }],
      }),
    ],
  ] as const) {
    it(`is lost, and no request with it, if ${what} of the program throws`, async () => {
      const said = errorsOfDiagnostics();
      try {
        const [client, accepted] = await bench.connect();
        const options = { tracerProvider: faulty };
        const near = traceRequests(unwrap(await requestReply<string, string>(client)), options);
        traceRequests(unwrap(await requestReply<string, string>(accepted)), options).handle((value) => `${value}!`);
        expect(unwrap(await near.request('served'))).to.equal('served!');
      } finally {
        diag.disable();
      }
      expect(said).to.deep.equal([fault, fault]);
    });
  }

  it('is lost, and no request with it, if a span of the program takes no event', async () => {
    const said = errorsOfDiagnostics();
    const startSpan: Tracer['startSpan'] = (...values) =>
      Object.assign(tracer.startSpan(...values), { addEvent: fail });
    const faulty: TracerProvider = { getTracer: () => Object.assign(Object.create(tracer) as Tracer, { startSpan }) };
    try {
      const [client, accepted] = await bench.connect();
      const near = traceRequests(unwrap(await requestReply<string, string>(client)), { tracerProvider: faulty });
      unwrap(await requestReply<string, string>(accepted)).handle((value) => `${value}!`);
      // The trace has no room beside it.
      const metadata = { own: 'x'.repeat(MAX_METADATA_BYTES - 20) };
      expect(unwrap(await near.request('served', { metadata }))).to.equal('served!');
    } finally {
      diag.disable();
    }
    expect(said).to.deep.equal([fault]);
  });

  it('has a span for each attempt to connect, under the active span, with the reason of a failure', async () => {
    const reader = new OnDemandReader();
    const meterProvider = new MeterProvider({ readers: [reader] });
    const stop = instrumentConnections({ tracerProvider, meterProvider });
    try {
      await tracer.startActiveSpan('caller', async (caller) => {
        await bench.connect({ endpoint: 'ws://127.0.0.1:0/traced' });
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
      const nobody = bench.open({ endpoint: 'ws://127.0.0.1:9/' });
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
    await bench.connect();
    await tracerProvider.forceFlush();
    expect(spans.getFinishedSpans()).to.be.empty;
  });

  it("reads a manager's counters when metrics are collected", async () => {
    const reader = new OnDemandReader();
    const meterProvider = new MeterProvider({ readers: [reader] });
    let asked = 0;
    const { manager } = bench;
    const counted = {
      activeCount: () => manager.activeCount(),
      capacity: () => manager.capacity(),
      getManagerMetrics: () => {
        asked += 1;
        return manager.getManagerMetrics();
      },
    };
    const stop = instrumentManager(counted, { meterProvider, attributes: { part: 'engine' } });
    const [client] = await bench.connect();
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
    instrumentManager(bench.manager, { meterProvider });
    await bench.connect();
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
    const [client, accepted] = await bench.connect({ endpoint: 'ws://127.0.0.1:0/requests' });
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
    const [client, accepted] = await bench.connect();
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
    const stopManager = instrumentManager(bench.manager);
    const [client, accepted] = await bench.connect();
    const near = traceRequests(unwrap(await requestReply<string, string>(client)));
    traceRequests(unwrap(await requestReply<string, string>(accepted))).handle((text) => text);
    expect(unwrap(await near.request('same'))).to.equal('same');
    stop();
    stopManager();
  });
});
