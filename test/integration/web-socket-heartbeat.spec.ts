import { until } from '@entropynet/conformance/tools';
import { encodePeerLimits } from '@entropynet/core';
import { WebSocketConnection } from '@entropynet/transport-ws';
import { expect } from 'chai';
import {
  clientMessage,
  messageFrame,
  PEER_LIMITS,
  upgradeRequest,
  WebSocketFixtures,
  Witness,
} from '../support/web-socket/web-socket-fixtures.js';

const FAST_HEARTBEAT = { heartbeat: { intervalMs: 20, timeoutMs: 100 } };

describe('WebSocket: the heartbeat', () => {
  const fixtures = new WebSocketFixtures();

  afterEach(() => fixtures.dispose());

  it('reports a silent peer as unresponsive, then as dead', async () => {
    const server = await fixtures.serve(FAST_HEARTBEAT);
    const socket = await fixtures.tcp(server.address() ?? '');
    socket.resume();
    socket.write(upgradeRequest('/test'));
    socket.write(clientMessage(encodePeerLimits(PEER_LIMITS)));
    const connection = await fixtures.accept(server);
    const events: string[] = [];
    connection.on('unresponsive', () => events.push('unresponsive'));
    connection.on('responsive', () => events.push('responsive'));
    connection.on('state', (state) => events.push(state));
    const witness = new Witness(connection);
    await witness.ended();
    expect(events).to.deep.equal(['unresponsive', 'failed']);
    expect(witness.error?.code).to.equal('PeerDied');
    expect(witness.error?.message).to.contain('heartbeat');
  });

  it('takes any byte as a sign of life', async () => {
    const server = await fixtures.serve({ heartbeat: { intervalMs: 20, timeoutMs: 60_000 } });
    const socket = await fixtures.tcp(server.address() ?? '');
    socket.resume();
    socket.write(upgradeRequest('/test'));
    socket.write(clientMessage(encodePeerLimits(PEER_LIMITS)));
    const connection = await fixtures.accept(server);
    const events: string[] = [];
    connection.on('unresponsive', () => events.push('unresponsive'));
    connection.on('responsive', () => events.push('responsive'));
    const witness = new Witness(connection);
    await until(() => events.length === 1, 'the silence was noticed');
    socket.write(clientMessage(messageFrame('here')));
    await until(() => events.length >= 2, 'the peer is responsive again');
    expect(events.slice(0, 2)).to.deep.equal(['unresponsive', 'responsive']);
    expect(connection.isConnected()).to.equal(true);
    socket.destroy();
    await witness.ended();
  });

  it('says how long a ping and its answer took', async () => {
    const server = await fixtures.serve();
    const endpoint = server.address() ?? '';
    const connection = new WebSocketConnection({ endpoint, webSocket: FAST_HEARTBEAT });
    fixtures.defer(() => connection.disconnect());
    expect(connection.roundTripMs).to.equal(undefined);
    expect((await connection.connect()).ok).to.equal(true);
    (await fixtures.accept(server)).startReceiving();
    await until(() => connection.roundTripMs !== undefined, 'a ping was answered');
    expect(connection.roundTripMs).to.be.within(0, 30_000);
    await connection.disconnect();
    expect(connection.roundTripMs).to.equal(undefined);
  });

  it('keeps an idle connection, also before startReceiving()', async () => {
    const server = await fixtures.serve(FAST_HEARTBEAT);
    const client = new Witness(await fixtures.connect(server, { webSocket: FAST_HEARTBEAT }));
    const connection = await fixtures.accept(server);
    let pings = 0;
    // As many beats as would kill a silent peer several times over.
    await until(() => (pings += 1) > 200, 'time has passed');
    expect(connection.isConnected()).to.equal(true);
    expect(client.states).to.deep.equal([]);
    const accepted = new Witness(connection);
    expect((await client.connection.send(Buffer.from('still here'))).ok).to.equal(true);
    await until(() => accepted.messages.length === 1, 'the message arrived');
  });
});
