import { once } from 'node:events';
import { Scope, turns, until } from '@entropynet/conformance/tools';
import { encodePeerLimits, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager } from '@entropynet/manager';
import { instrumentManager } from '@entropynet/opentelemetry';
import { collectManagerMetrics } from '@entropynet/prometheus';
import { WebSocketTransport } from '@entropynet/transport-ws';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import { Registry } from 'prom-client';
import { freshName } from '../support/fresh-name.js';
import { PEER_LIMITS, WebSocketFixtures } from '../support/web-socket/web-socket-fixtures.js';

class OnDemandReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

describe('metrics of each transport', () => {
  const scope = new Scope();

  afterEach(() => scope.dispose());

  function newManager(): ConnectionManager {
    const manager = new ConnectionManager([new LoopbackTransport(), new WebSocketTransport()]);
    scope.defer(() => manager.closeAll());
    return manager;
  }

  /** A manager with one connection of each transport, which has sent `bytes` to itself over each. */
  async function used(bytes: Readonly<Record<'loopback' | 'websocket', number>>): Promise<ConnectionManager> {
    const manager = newManager();
    for (const [backend, length] of Object.entries(bytes)) {
      const endpoint = backend === 'loopback' ? `loopback://${freshName()}` : 'ws://127.0.0.1:0/metrics';
      const server = unwrap(manager.createServer({ endpoint, webSocket: { heartbeat: { intervalMs: 20 } } }));
      unwrap(await server.listen());
      const client = unwrap(manager.openConnection({ endpoint: server.addresses()[0]! }));
      unwrap(await client.connect());
      const accepted = unwrap(await server.accept());
      const received = new Promise<void>((resolve) => accepted.setMessageCallback(() => resolve()));
      unwrap(await client.send(new Uint8Array(length)));
      await received;
    }
    return manager;
  }

  for (const isRead of ['by a snapshot', 'by close()'] as const) {
    it(`contain the messages that a program reads after the end of their connection, counted ${isRead}`, async () => {
      const manager = newManager();
      const server = unwrap(manager.createServer({ endpoint: `loopback://${freshName()}` }));
      unwrap(await server.listen());
      const client = unwrap(manager.openConnection({ endpoint: server.addresses()[0]! }));
      unwrap(await client.connect());
      const accepted = unwrap(await server.accept());
      for (const text of ['one', 'two']) unwrap(await client.send(Buffer.from(text)));
      unwrap(await client.disconnect());
      await accepted.closed;
      expect(manager.getManagerMetrics()).to.include({ totalMessagesReceived: 0, connectionsClosed: 2 });
      const messages = accepted.messages();
      await messages.next();
      if (isRead === 'by a snapshot') {
        expect(manager.getBackendMetrics()['loopback']).to.include({ messagesReceived: 1, bytesReceived: 3 });
      }
      await messages.next();
      await accepted.close();
      expect(manager.getManagerMetrics()).to.include({ totalMessagesReceived: 2, totalBytesReceived: 6 });
      expect(manager.getManagerMetrics()).to.include({ totalMessagesSent: 2, connectionsClosed: 2 });
    });
  }

  it('contain the messages that a program reads after an attempt to connect again has failed', async () => {
    const manager = newManager();
    const server = unwrap(manager.createServer({ endpoint: `loopback://${freshName()}` }));
    unwrap(await server.listen());
    const client = unwrap(manager.openConnection({ endpoint: server.addresses()[0]! }));
    unwrap(await client.connect());
    const accepted = unwrap(await server.accept());
    for (const text of ['one', 'two']) unwrap(await accepted.send(Buffer.from(text)));
    unwrap(await accepted.close());
    await client.closed;
    unwrap(await server.close());
    expect((await client.connect()).ok).to.equal(false);
    const messages = client.messages();
    for (let count = 0; count < 2; count += 1) await messages.next();
    expect(manager.getManagerMetrics()).to.include({ totalMessagesReceived: 2, totalBytesReceived: 6 });
  });

  it('contain the messages that a program reads of an adopted connection before it connects again', async () => {
    const manager = newManager();
    const transport = new LoopbackTransport();
    const endpoint = `loopback://${freshName()}`;
    const server = scope.add(transport.createServer({ endpoint }));
    unwrap(await server.listen());
    const connection = transport.createConnection({ endpoint });
    unwrap(await connection.connect());
    const client = unwrap(manager.adoptConnection(connection));
    const accepted = unwrap(await server.accept());
    accepted.startReceiving();
    for (const text of ['one', 'two']) unwrap(await accepted.send(Buffer.from(text)));
    unwrap(await accepted.disconnect());
    await client.closed;
    const messages = client.messages();
    for (let count = 0; count < 2; count += 1) await messages.next();
    unwrap(await client.connect());
    expect(manager.getManagerMetrics()).to.include({ totalMessagesReceived: 2, totalBytesReceived: 6 });
  });

  it('contain the messages of an earlier connection that a program reads, also if no object refers to it', async () => {
    const [manager, peers] = [newManager(), newManager()];
    const config = { endpoint: `loopback://${freshName()}`, reconnect: { initialDelayMs: 1, maxDelayMs: 1 } };
    const server = unwrap(peers.createServer(config));
    unwrap(await server.listen());
    const client = unwrap(manager.openConnection(config));
    unwrap(await client.connect());
    // A function of its own, so that this one refers to nothing of the first connection afterwards.
    await (async () => {
      const accepted = unwrap(await server.accept());
      for (const text of ['one', 'two']) unwrap(await accepted.send(Buffer.from(text)));
      unwrap(await accepted.close());
    })();
    await until(() => client.getReconnection().generation === 2, 'it is connected again');
    const messages = client.messages();
    for (let count = 0; count < 2; count += 1) await messages.next();
    for (let count = 0; count < 3; count += 1) {
      await turns(2);
      globalThis.gc?.();
    }
    expect(manager.getManagerMetrics()).to.include({ totalMessagesReceived: 2, totalBytesReceived: 6 });
  });

  it('exist for each registered transport before the first connection', () => {
    const metrics = newManager().getBackendMetrics();
    expect(Object.keys(metrics)).to.deep.equal(['loopback', 'websocket']);
    expect(metrics['websocket']).to.deep.equal({
      connections: 0,
      bytesSent: 0,
      bytesReceived: 0,
      messagesSent: 0,
      messagesReceived: 0,
      connectionsOpened: 0,
      connectionsFailed: 0,
      connectionsClosed: 0,
      wouldBlockSends: 0,
      unconfirmedBytes: 0,
      roundTripMs: undefined,
    });
    expect(Object.isFrozen(metrics) && Object.isFrozen(metrics['websocket'])).to.be.true;
  });

  it('count for each transport, and add up to those of the manager, also after the end', async () => {
    const manager = await used({ loopback: 10, websocket: 200 });
    const refused = unwrap(
      manager.openConnection({ endpoint: 'ws://127.0.0.1:9/', fallback: [`loopback://${freshName()}`] }),
    );
    expect((await refused.connect()).ok).to.be.false;
    const standing = manager.getBackendMetrics();
    expect(standing['loopback']).to.include({ connections: 2, bytesSent: 10, bytesReceived: 10, connectionsFailed: 0 });
    expect(standing['websocket']).to.include({ connections: 2, bytesSent: 200, messagesSent: 1, connectionsFailed: 1 });
    // The peers confirm nothing of so few bytes.
    expect(standing['websocket']!.unconfirmedBytes).to.equal(200);
    await manager.closeAll();
    const ended = Object.values(manager.getBackendMetrics());
    const sumOf = (
      key: 'bytesSent' | 'bytesReceived' | 'messagesSent' | 'connectionsOpened' | 'connectionsClosed',
    ): number => ended.reduce((sum, metrics) => sum + metrics[key], 0);
    expect(manager.getManagerMetrics()).to.include({
      totalBytesSent: sumOf('bytesSent'),
      totalBytesReceived: sumOf('bytesReceived'),
      totalMessagesSent: sumOf('messagesSent'),
      connectionsOpened: sumOf('connectionsOpened'),
      connectionsClosed: sumOf('connectionsClosed'),
      connectionsFailed: 1,
    });
    expect(sumOf('bytesSent')).to.equal(210);
    expect(ended.map(({ connections, unconfirmedBytes }) => connections + unconfirmedBytes)).to.deep.equal([0, 0]);
  });

  it('count a failed attempt of an adopted connection', async () => {
    const scope = new Scope();
    const transport = new LoopbackTransport();
    const manager = new ConnectionManager([transport]);
    scope.defer(() => manager.closeAll());
    const endpoint = `loopback://${freshName()}`;
    const server = scope.add(transport.createServer({ endpoint }));
    unwrap(await server.listen());
    const connection = transport.createConnection({ endpoint });
    unwrap(await connection.connect());
    const handle = unwrap(manager.adoptConnection(connection));
    unwrap(await handle.disconnect());
    await server.close();
    expect((await handle.connect()).ok).to.equal(false);
    const counts = { connectionsOpened: 1, connectionsClosed: 1, connectionsFailed: 1 };
    expect(manager.getManagerMetrics()).to.include(counts);
    expect(manager.getBackendMetrics()['loopback']).to.include(counts);
    await scope.dispose();
  });

  it('are scraped with the label backend, next to the sums', async () => {
    const manager = await used({ loopback: 10, websocket: 200 });
    await until(() => manager.getBackendMetrics()['websocket']?.roundTripMs !== undefined, 'a ping was answered');
    const register = new Registry();
    const stop = collectManagerMetrics(manager, { register, labels: { part: 'engine' } });
    const lines = (await register.metrics()).split('\n');
    expect(lines).to.include.members([
      'entropynet_sent_bytes_total{part="engine"} 210',
      'entropynet_backend_sent_bytes_total{part="engine",backend="loopback"} 10',
      'entropynet_backend_sent_bytes_total{part="engine",backend="websocket"} 200',
      'entropynet_backend_connections{part="engine",backend="websocket"} 2',
      'entropynet_backend_unconfirmed_bytes{part="engine",backend="websocket"} 200',
      '# TYPE entropynet_backend_sent_bytes_total counter',
      '# TYPE entropynet_backend_round_trip_max_seconds gauge',
    ]);
    const roundTrips = lines.filter((line) => line.startsWith('entropynet_backend_round_trip_max_seconds{'));
    expect(roundTrips).to.have.lengthOf(1);
    expect(roundTrips[0]).to.match(/backend="websocket"\} \d\S*$/);
    stop();
    expect(await register.metrics()).to.not.contain('entropynet');
    expect(() => collectManagerMetrics(manager, { register, labels: { backend: 'x' } })).to.throw(
      TypeError,
      "'backend'",
    );
    expect(await register.metrics()).to.not.contain('entropynet');
  });

  it('are observed with the attribute entropynet.backend, next to the sums', async () => {
    const manager = await used({ loopback: 10, websocket: 200 });
    await until(() => manager.getBackendMetrics()['websocket']?.roundTripMs !== undefined, 'a ping was answered');
    const reader = new OnDemandReader();
    const meterProvider = new MeterProvider({ readers: [reader] });
    scope.defer(() => meterProvider.shutdown());
    scope.defer(instrumentManager(manager, { meterProvider, attributes: { part: 'engine' } }));
    const { resourceMetrics } = await reader.collect();
    const measured = new Map(
      resourceMetrics.scopeMetrics
        .flatMap(({ metrics }) => metrics)
        .map(({ descriptor, dataPoints }) => [
          descriptor.name,
          dataPoints.map(({ value, attributes }) => ({ value, attributes })),
        ]),
    );
    const of = (backend: string, direction: string): object => ({
      part: 'engine',
      'entropynet.backend': backend,
      'network.io.direction': direction,
    });
    expect(measured.get('entropynet.backend.io')).to.deep.equal([
      { value: 10, attributes: of('loopback', 'transmit') },
      { value: 10, attributes: of('loopback', 'receive') },
      { value: 200, attributes: of('websocket', 'transmit') },
      { value: 200, attributes: of('websocket', 'receive') },
    ]);
    expect(measured.get('entropynet.backend.round_trip.max')).to.have.lengthOf(1);
    expect(measured.get('entropynet.io')).to.have.lengthOf(2);
  });

  describe('a round trip', () => {
    const fixtures = new WebSocketFixtures();

    afterEach(() => fixtures.dispose());

    it('is measured only with the answer to a ping', async () => {
      const server = await fixtures.serve({ heartbeat: { intervalMs: 10 } });
      const peer = fixtures.raw(server.address()!, { autoPong: false });
      await once(peer, 'open');
      peer.send(encodePeerLimits(PEER_LIMITS));
      const accepted = await fixtures.accept(server);
      let pongs = 0;
      accepted.setMessageCallback(() => (pongs += 1));
      accepted.startReceiving();
      const payloads: Buffer[] = [];
      for (let ping = 0; ping < 5; ping += 1) {
        const [payload] = (await once(peer, 'ping')) as [Buffer];
        payloads.push(payload);
        peer.pong();
        peer.pong(Buffer.from('anything'));
        // A message behind the pongs shows that they were read.
        peer.send(Buffer.alloc(4));
      }
      await until(() => pongs === 5, 'the pongs were read');
      expect(accepted.roundTripMs).to.equal(undefined);
      expect(payloads.every((payload) => payload.length > 0 && payload.equals(payloads[0]!))).to.be.true;
      peer.pong(payloads[0]);
      await until(() => accepted.roundTripMs !== undefined, 'the answer was read');
      expect(accepted.roundTripMs).to.be.greaterThan(0);
      // The next ping carries other bytes.
      const known = accepted.roundTripMs;
      let [next] = (await once(peer, 'ping')) as [Buffer];
      while (next.equals(payloads[0]!)) [next] = (await once(peer, 'ping')) as [Buffer];
      peer.pong(payloads[0]);
      peer.send(Buffer.alloc(4));
      await until(() => pongs === 6, 'the pong of before was read');
      expect(accepted.roundTripMs).to.equal(known);
    });
  });
});
