import { type Scope, scoped } from '@entropynet/conformance/tools';
import { type NetworkConnection, unwrap } from '@entropynet/core';
import { type RequestOptions, requestReply, type RequestReply } from '@entropynet/messaging';
import { instrumentConnections, instrumentManager, traceRequests } from '@entropynet/opentelemetry';
import { collectManagerMetrics } from '@entropynet/prometheus';
import { WebSocketConnection, WebSocketConnectionServer } from '@entropynet/transport-ws';
import { diag, type DiagLogger, propagation, type TextMapPropagator } from '@opentelemetry/api';
import { AggregationTemporality, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { expect } from 'chai';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Gauge, Registry } from 'prom-client';

/** A manager whose counters all have this value. */
function managerOf(count: number): Parameters<typeof collectManagerMetrics>[0] {
  return {
    activeCount: () => count,
    capacity: () => count,
    getManagerMetrics: () => ({
      totalBytesSent: count,
      totalBytesReceived: count,
      totalMessagesSent: count,
      totalMessagesReceived: count,
      connectionsOpened: count,
      connectionsFailed: count,
      connectionsClosed: count,
      wouldBlockSends: count,
    }),
  };
}

class OnDemandReader extends MetricReader {
  constructor() {
    super({ aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE });
  }
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

describe('telemetry at its limits', () => {
  describe('for Prometheus', () => {
    it('takes the labels in any order', async () => {
      const register = new Registry();
      collectManagerMetrics(managerOf(1), { register, labels: { a: '1', b: '2' } });
      collectManagerMetrics(managerOf(2), { register, labels: { b: '3', a: '4' } });
      const text = await register.metrics();
      expect(text).to.match(/entropynet_connections\{(?:a="1",b="2"|b="2",a="1")\} 1\n/);
      expect(text).to.match(/entropynet_connections\{(?:a="4",b="3"|b="3",a="4")\} 2\n/);
      expect(() => collectManagerMetrics(managerOf(3), { register, labels: { a: '1' } })).to.throw(TypeError, 'a,b');
    });

    it('works again after the registry was cleared, without the earlier managers', async () => {
      const register = new Registry();
      const first = managerOf(1);
      const stop = collectManagerMetrics(first, { register, labels: { part: 'a' } });
      register.clear();
      const stopSecond = collectManagerMetrics(managerOf(2), { register, labels: { part: 'b' } });
      expect(await register.metrics())
        .to.contain('entropynet_connections{part="b"} 2\n')
        .and.not.contain('"a"');
      stop();
      expect(await register.metrics()).to.contain('entropynet_sent_bytes_total{part="b"} 2\n');
      collectManagerMetrics(first, { register, labels: { part: 'c' } });
      stopSecond();
      expect(await register.metrics())
        .to.contain('entropynet_connections{part="c"} 1\n')
        .and.not.contain('"b"');
    });

    for (const taken of ['entropynet_sent_bytes_total', 'entropynet_connections', 'entropynet_connections_capacity']) {
      it(`leaves nothing behind if the registry already has ${taken}`, async () => {
        const register = new Registry();
        new Gauge({ name: taken, help: 'mine', registers: [register] }).set(7);
        for (let attempt = 0; attempt < 2; attempt += 1)
          expect(() => collectManagerMetrics(managerOf(1), { register })).to.throw(TypeError, taken);
        expect(register.getMetricsAsArray().map(({ name }) => name)).to.deep.equal([taken]);
        expect(await register.metrics()).to.contain(`${taken} 7\n`);
        const stop = collectManagerMetrics(managerOf(1), { register, prefix: 'other_' });
        stop();
        expect(register.getMetricsAsArray()).to.have.length(1);
      });
    }

    it('leaves nothing behind if prom-client refuses a name', () => {
      const register = new Registry();
      expect(() => collectManagerMetrics(managerOf(1), { register, prefix: 'not a name ' })).to.throw();
      expect(() => collectManagerMetrics(managerOf(1), { register, labels: { 'not-a-label': 'x' } })).to.throw();
      expect(register.getMetricsAsArray()).to.be.empty;
    });
  });

  describe('for OpenTelemetry', () => {
    const spans = new InMemorySpanExporter();
    const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
    let warnings: string[];

    beforeEach(() => {
      spans.reset();
      warnings = [];
      const logger = { warn: (text: string) => void warnings.push(text) } as unknown as DiagLogger;
      diag.setLogger({
        ...logger,
        error: () => undefined,
        info: () => undefined,
        debug: () => undefined,
        verbose: () => undefined,
      });
    });

    afterEach(() => {
      diag.disable();
      propagation.disable();
    });

    it(
      'counts an aborted attempt as an error',
      scoped(async (scope) => {
        const sockets: Socket[] = [];
        const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
        await once(silent, 'listening');
        scope.defer(async () => {
          for (const socket of sockets) socket.destroy();
          silent.close();
          await once(silent, 'close');
        });
        const reader = new OnDemandReader();
        const meterProvider = new MeterProvider({ readers: [reader] });
        scope.defer(instrumentConnections({ tracerProvider, meterProvider }));
        const { port } = silent.address() as AddressInfo;
        const client = new WebSocketConnection(`ws://user:password@localhost:${port}/path?token=secret`);
        const connecting = client.connect();
        await once(silent, 'connection');
        await client.disconnect();
        expect((await connecting).ok).to.equal(false);
        const [span] = spans.getFinishedSpans();
        expect(span?.status.code).to.equal(2);
        expect(span?.attributes).to.include({
          'error.type': 'Aborted',
          'server.address': 'localhost',
          'server.port': port,
          'entropynet.backend': 'websocket',
        });
        expect(JSON.stringify([span?.attributes, span?.status])).to.not.match(/password|secret/);
        const { resourceMetrics } = await reader.collect();
        const duration = resourceMetrics.scopeMetrics[0]?.metrics.find(
          ({ descriptor }) => descriptor.name === 'entropynet.connect.duration',
        );
        expect(duration?.dataPoints.map(({ attributes }) => attributes['error.type'])).to.deep.equal(['Aborted']);
        await meterProvider.shutdown();
      }),
    );

    it('has units of UCUM, and none in a name', async () => {
      const reader = new OnDemandReader();
      const meterProvider = new MeterProvider({ readers: [reader] });
      instrumentManager(managerOf(5), { meterProvider });
      const { resourceMetrics } = await reader.collect();
      for (const { descriptor } of resourceMetrics.scopeMetrics[0]?.metrics ?? []) {
        expect(descriptor.unit, descriptor.name).to.match(/^(?:By|s|\{[a-z]+\})$/);
        expect(descriptor.name).to.not.match(/bytes|seconds|_total/);
      }
      await meterProvider.shutdown();
    });

    type Requests = RequestReply<number, string>;

    async function untraced(scope: Scope): Promise<[near: Requests, far: Requests]> {
      const server = scope.add(new WebSocketConnectionServer({ endpoint: 'ws://127.0.0.1:0/' }));
      unwrap(await server.listen());
      const client = scope.add(new WebSocketConnection(server.address() ?? ''));
      const accepting = server.accept();
      unwrap(await client.connect());
      const accepted: NetworkConnection = scope.add(unwrap(await accepting));
      accepted.startReceiving();
      const [near, far] = await Promise.all([
        requestReply<number, string>(client),
        requestReply<number, string>(accepted),
      ]);
      return [unwrap(near), unwrap(far)];
    }

    async function requests(scope: Scope): Promise<ReturnType<typeof traceRequests<number, string>>> {
      const [near, far] = await untraced(scope);
      traceRequests(far, { tracerProvider }).handle((_value, { metadata }) => Object.keys(metadata).sort().join());
      return traceRequests(near, { tracerProvider });
    }

    function propagate(own: Partial<TextMapPropagator>): void {
      propagation.disable();
      propagation.setGlobalPropagator({ inject: () => undefined, extract: (each) => each, fields: () => [], ...own });
    }

    it(
      "omits and reports baggage that is too long, and keeps the trace and the caller's metadata",
      scoped(async (scope) => {
        for (const length of [8000, 8180, 8192, 100_000]) {
          propagate({
            inject: (_context, carrier, { set }) => {
              set(carrier, 'baggage', `k=${'ü'.repeat(length)}`);
              set(carrier, 'traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
            },
          });
          const reply = await (await requests(scope)).request(1, { metadata: { own: 'x'.repeat(100) } });
          expect(unwrap(reply)).to.equal('own,traceparent');
          const span = spans.getFinishedSpans().find(({ name }) => name === 'entropynet request');
          expect(span?.events.map(({ name }) => name)).to.deep.equal(['entropynet.trace.dropped']);
          expect(warnings.at(-1)).to.contain('baggage left out of a request');
        }
      }),
    );

    it(
      'hides no wrong argument from the requests, and ends every span',
      scoped(async (scope) => {
        propagate({ inject: (_context, carrier, { set }) => set(carrier, 'traceparent', 'some') });
        const traced = await requests(scope);
        const wrong = [null, [], 'metadata', { metadata: new Map() }, { metadata: { a: 1n } }, { metadata: 'text' }];
        for (const [index, options] of wrong.entries()) {
          const refused = await traced.request(1, options as RequestOptions);
          expect(!refused.ok && refused.error.code, `number ${index}`).to.equal('InvalidParameter');
        }
        expect(spans.getFinishedSpans().map(({ name }) => name)).to.deep.equal(wrong.map(() => 'entropynet request'));
        for (const handler of [undefined, 'handler', {}])
          expect(() => {
            traced.handle(handler as unknown as null);
          }).to.throw(TypeError, 'a handler is a function or null');
      }),
    );

    for (const [what, thrown, message] of [
      ['an error with a password', new Error('no answer from ws://user:password@host/?token=secret'), /^no answer/],
      ['null', null, /^null$/],
      ['nothing', undefined, /^undefined$/],
      ['a text with a password', 'ws://user:password@host/?token=secret failed', /^ws:.* failed$/],
      [
        'a value that throws when it is read',
        new Proxy(
          {},
          {
            get: () => {
              throw new Error('unreadable');
            },
          },
        ),
        /can't be printed/,
      ],
    ] as const) {
      it(
        `ends the span of a handler that throws ${what}`,
        scoped(async (scope) => {
          const [near, far] = await untraced(scope);
          traceRequests(far, { tracerProvider }).handle(() => {
            // eslint-disable-next-line @typescript-eslint/only-throw-error -- programs throw such values
            throw thrown;
          });
          const refused = await near.request(1);
          expect(!refused.ok && refused.error.code).to.equal('CallbackFailed');
          const [span] = spans.getFinishedSpans();
          expect(span?.status.code).to.equal(2);
          const [event] = span?.events ?? [];
          expect(event?.attributes?.['exception.message']).to.match(message);
          expect(JSON.stringify(event)).to.not.match(/password|secret/);
        }),
      );
    }

    it(
      'sends all that fits',
      scoped(async (scope) => {
        propagate({ inject: (_context, carrier, { set }) => set(carrier, 'baggage', 'k'.repeat(8000)) });
        expect(unwrap(await (await requests(scope)).request(1))).to.equal('baggage');
        expect(warnings).to.be.empty;
      }),
    );

    it(
      'continues without its trace if the propagator throws, on either side',
      scoped(async (scope) => {
        const fail = (): never => {
          throw new Error('a propagator of its own kind');
        };
        propagate({ inject: fail, extract: fail });
        expect(unwrap(await (await requests(scope)).request(1, { metadata: { own: 'x' } }))).to.equal('own');
        expect(warnings).to.have.length(2);
      }),
    );
  });
});
