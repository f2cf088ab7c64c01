import type { RoundTrips } from '@entropynet/manager';
import { instrumentManager, type MeasuredManager } from '@entropynet/opentelemetry';
import { collectManagerMetrics } from '@entropynet/prometheus';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import { Registry } from 'prom-client';

/** Collects only on request. */
class OnDemandReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** A manager that has sent one byte. */
function managerWith(roundTripMs: RoundTrips | undefined): MeasuredManager {
  const counts = { connectionsOpened: 1, connectionsFailed: 0, connectionsClosed: 0, wouldBlockSends: 0 };
  const sent = { bytesSent: 1, bytesReceived: 0, messagesSent: 1, messagesReceived: 0 };
  return {
    activeCount: () => 1,
    capacity: () => 10,
    getManagerMetrics: () => ({
      ...{ totalBytesSent: 1, totalBytesReceived: 0, totalMessagesSent: 1, totalMessagesReceived: 0 },
      ...counts,
    }),
    getBackendMetrics: () => ({ websocket: { connections: 1, ...sent, ...counts, unconfirmedBytes: 0, roundTripMs } }),
  };
}

const FAST: RoundTrips = { count: 3, mean: 10, max: 20 };
const SLOW: RoundTrips = { count: 1, mean: 30, max: 40 };

describe('managers that are measured together', () => {
  it('have sums, a mean and a maximum for Prometheus', async () => {
    const register = new Registry();
    for (const roundTripMs of [FAST, SLOW, undefined]) collectManagerMetrics(managerWith(roundTripMs), { register });
    expect(await register.metrics())
      .to.contain('entropynet_sent_bytes_total 3\n')
      .and.contain('entropynet_backend_sent_bytes_total{backend="websocket"} 3\n')
      .and.contain('entropynet_backend_round_trip_mean_seconds{backend="websocket"} 0.015\n')
      .and.contain('entropynet_backend_round_trip_max_seconds{backend="websocket"} 0.04\n');
  });

  it('have sums, a mean and a maximum for OpenTelemetry, until each is removed', async () => {
    const reader = new OnDemandReader();
    const meterProvider = new MeterProvider({ readers: [reader] });
    const values = async (name: string): Promise<unknown[]> => {
      const { resourceMetrics, errors } = await reader.collect();
      expect(errors).to.be.empty;
      const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
      const { dataPoints = [] } = all.find(({ descriptor }) => descriptor.name === name) ?? {};
      return dataPoints.map(({ value }) => value);
    };
    const attributes = { b: 1, a: 2 };
    const first = managerWith(FAST);
    const stops = [first, managerWith(SLOW), managerWith(undefined), first].map((manager) =>
      instrumentManager(manager, { meterProvider, attributes }),
    );
    instrumentManager(managerWith({ count: 1, mean: 50, max: 50 }), { meterProvider, attributes: { a: 2 } });
    expect(await values('entropynet.io')).to.deep.equal([3, 0, 1, 0]);
    expect(await values('entropynet.connections.capacity')).to.deep.equal([30, 10]);
    expect(await values('entropynet.backend.io')).to.deep.equal([3, 0, 1, 0]);
    expect(await values('entropynet.backend.round_trip.mean')).to.deep.equal([0.015, 0.05]);
    expect(await values('entropynet.backend.round_trip.max')).to.deep.equal([0.04, 0.05]);
    for (const index of [0, 0, 1]) stops[index]?.();
    expect(await values('entropynet.connections.capacity')).to.deep.equal([20, 10]);
    for (const stop of stops) stop();
    instrumentManager(first, { meterProvider, attributes: { a: 2, b: 1 } });
    expect(await values('entropynet.connections.capacity')).to.deep.equal([10, 10]);
    await meterProvider.shutdown();
  });
});
