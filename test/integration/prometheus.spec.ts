import { until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { createNetworking } from '@entropynet/manager';
import { collectManagerMetrics, metricsHandler } from '@entropynet/prometheus';
import { expect } from 'chai';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { describeOver, loopbackModule } from './transport-bench.js';

describeOver('loopback', 'telemetry for Prometheus', (bench) => {
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
    const stop = collectManagerMetrics(bench.manager, { register, labels: { part: 'engine' } });
    const [client, accepted] = await bench.connect();
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
      collectManagerMetrics(bench.manager, { register, labels: { part: 'a' } }),
      collectManagerMetrics(other.manager, { register, labels: { part: 'b' } }),
    ];
    expect(() => collectManagerMetrics(bench.manager, { register })).to.throw(TypeError, 'labels were given none');
    expect(() => collectManagerMetrics(other.manager, { register, labels: { part: 'c' } })).to.throw(
      'collected already',
    );
    stops[0]?.();
    const text = await register.metrics();
    expect(text).to.contain('entropynet_connections{part="b"} 0').and.to.not.contain('part="a"');
    stops[1]?.();
    await other.close();
  });

  it('refuses a name that no label may have, and adds nothing', () => {
    const register = new Registry();
    for (const name of ['my-label', '1st', '', 'größe', 'a\n'])
      expect(() => collectManagerMetrics(bench.manager, { register, labels: { [name]: 'x' } }), name).to.throw(
        TypeError,
        "'labels' was given",
      );
    expect(register.getMetricsAsArray()).to.deep.equal([]);
    collectManagerMetrics(bench.manager, { register, labels: { _Part1: 'x' } });
  });

  it('keeps the labels that it was given, and removes each manager once', async () => {
    const register = new Registry();
    const other = await createNetworking({ transports: [loopbackModule] });
    const labels: Record<string, string> = { part: 'a' };
    const stopOther = collectManagerMetrics(other.manager, { register, labels: { part: 'b' } });
    const stopFirst = collectManagerMetrics(bench.manager, { register, labels });
    stopFirst();
    const stop = collectManagerMetrics(bench.manager, { register, labels });
    stopFirst();
    labels['unknown'] = 'x';
    expect(await register.metrics()).to.contain('entropynet_connections{part="a"} 0');
    stop();
    stopOther();
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
        throw new Error('no answer of redis://me:secret@host\u001b[2J');
      },
      capacity: () => 1,
      getManagerMetrics: () => bench.manager.getManagerMetrics(),
    };
    collectManagerMetrics(broken, { register });
    const warning = once(process, 'warning');
    const failed = await scrape(register);
    expect([failed.status, await failed.text()]).to.deep.equal([500, '']);
    expect((await warning)[0]).to.have.property('message', 'no answer of redis://***@host\\u{1b}[2J');
  });
});
