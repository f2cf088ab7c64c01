import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { until } from '@entropynet/conformance/tools';
import { encodePeerLimits, unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { WebSocketServer } from 'ws';
import { PlatformWebSocketTransport } from '@entropynet/test/support/platform-web-socket-transport';
import {
  messageFrame,
  PEER_LIMITS,
  WebSocketFixtures,
  Witness,
} from '@entropynet/test/support/web-socket/web-socket-fixtures';

/** The greeting's flag of a side that takes signs of life. */
const TAKES_SIGNS_OF_LIFE = 4;

describe('signs of life', () => {
  const fixtures = new WebSocketFixtures();
  afterEach(() => fixtures.dispose());

  it('come from a page, because its answers to pings may wait behind data', async () => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, autoPong: false });
    fixtures.defer(() => {
      for (const client of server.clients) client.terminate();
      server.close();
    });
    const lengths: number[] = [];
    server.on('connection', (webSocket) => {
      webSocket.on('message', (data: Buffer) => lengths.push(data.length));
      webSocket.send(encodePeerLimits({ ...PEER_LIMITS, capabilities: TAKES_SIGNS_OF_LIFE }));
    });
    await once(server, 'listening');
    const page = new PlatformWebSocketTransport().createConnection({
      endpoint: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      webSocket: { heartbeat: { intervalMs: 20, timeoutMs: 60 } },
      sendTimeoutMs: 100,
    });
    fixtures.defer(() => page.disconnect());
    unwrap(await page.connect());
    await until(() => lengths.length >= 4, 'the greeting and three signs of life came');
    expect(lengths.slice(1, 4)).to.deep.equal([1, 1, 1]);
  });

  it('are accepted by a server, and are not messages', async () => {
    const server = await fixtures.serve();
    const peer = await fixtures.rawPeer(server.address()!);
    const witness = new Witness(await fixtures.accept(server));
    for (const message of [Uint8Array.of(0), messageFrame('between'), Uint8Array.of(0), messageFrame('after')]) {
      peer.send(message);
    }
    await until(() => witness.messages.length === 2, 'both messages came');
    expect(witness.texts).to.deep.equal(['between', 'after']);
    expect(witness.states).to.deep.equal([]);
  });

  it('have the value 0: another message of one byte breaks the protocol', async () => {
    const server = await fixtures.serve();
    const peer = await fixtures.rawPeer(server.address()!);
    const connection = await fixtures.accept(server);
    connection.startReceiving();
    const closed = once(peer, 'close') as Promise<[number]>;
    peer.send(Uint8Array.of(7));
    const [[code], { error }] = await Promise.all([closed, connection.closed]);
    expect({ code, error: error?.code }).to.deep.equal({ code: 1002, error: 'InvalidMessage' });
  });
});
