import { instrumentConnections } from '@entropynet/opentelemetry';
import { diag, type Span, type Tracer, type TracerProvider } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { expect } from 'chai';
import { describeOver } from './transport-bench.js';

/** Collects only on request. */
class OnDemandReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

const fail = (): never => {
  throw new Error('a fault of the program');
};

const tracer = new BasicTracerProvider().getTracer('test');

/** Returns a provider whose tracer starts spans with this function. */
function providerOf(startSpan: Tracer['startSpan']): TracerProvider {
  return { getTracer: () => Object.assign(Object.create(tracer) as Tracer, { startSpan }) };
}

describeOver('loopback', 'the metrics of connections for OpenTelemetry', (bench) => {
  afterEach(() => {
    diag.disable();
  });

  const spanThatFails = (change: Partial<Span>): Tracer['startSpan'] => {
    return (...values) => Object.assign(tracer.startSpan(...values), change);
  };
  for (const [what, startSpan] of [
    ['no span begins', fail],
    ['a span takes no status', spanThatFails({ setStatus: fail })],
    ['a span does not end', spanThatFails({ end: fail })],
  ] as const) {
    it(`count each attempt and each failure, even if ${what}`, async () => {
      let faults = 0;
      const ignore = (): void => undefined;
      const error = (): void => void (faults += 1);
      diag.setLogger({ error, warn: ignore, info: ignore, debug: ignore, verbose: ignore });
      const reader = new OnDemandReader();
      const meterProvider = new MeterProvider({ readers: [reader] });
      const stop = instrumentConnections({ tracerProvider: providerOf(startSpan), meterProvider });
      try {
        // Its probe fails, so there is no connection.
        const nobody = await bench.open({ endpoint: bench.freshEndpoint() }).connect();
        expect(nobody.ok).to.equal(false);
        expect(faults).to.equal(1);
        await bench.connect();
      } finally {
        stop();
      }
      const { resourceMetrics } = await reader.collect();
      const metrics = resourceMetrics.scopeMetrics.flatMap((each) => each.metrics);
      const points = (name: string): unknown[] =>
        metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints.map(({ value }) => value) ?? [];
      expect(points('entropynet.failures')).to.deep.equal([1]);
      const durations = points('entropynet.connect.duration') as { readonly count: number }[];
      expect(durations.map(({ count }) => count)).to.deep.equal([1, 1]);
      await meterProvider.shutdown();
    });
  }
});
