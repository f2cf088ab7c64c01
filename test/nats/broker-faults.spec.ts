import {
  codeOf,
  expectLocalToHave,
  messageOf,
  Recorder,
  startPeer,
  turns,
  until,
  untilLocal,
  within,
} from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { NatsTransport } from '@entropynet/transport-nats';
import { expect } from 'chai';
import { describeNats, natsTest } from '../support/nats/describe-nats.js';
import { freePort } from '../support/nats/nats-server.js';

const PEER_MODULE = { specifier: '@entropynet/transport-nats', className: 'NatsTransport' };

describeNats('NATS: faults of the NATS server', () => {
  it(
    'ends every connection once, with a code and what is unconfirmed, when the NATS server is killed',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { client, accepted, clientSide, serverSide } = await scope.pair(nats);
      nats.signal('SIGSTOP');
      unwrap(client.trySend(messageOf(100, 1)));
      await nats.kill();
      for (const { states, stateErrors } of [clientSide, serverSide]) {
        await until(() => states.includes('failed'), 'the connection failed');
        expect(states.filter((state) => state === 'failed')).to.have.length(1);
        expect(stateErrors.at(-1)?.code).to.equal('TransportUnavailable');
        expect(stateErrors.at(-1)?.message).to.include('the NATS connection');
      }
      expect(client.unconfirmedSends()).to.deep.equal({ messages: 1, bytes: 100 });
      expect(accepted.unconfirmedSends()).to.deep.equal({ messages: 0, bytes: 0 });
      expect(codeOf(await client.connect())).to.equal('TransportUnavailable');
    }),
  );

  it(
    'serves again after a restart of the NATS server, and sends nothing a second time',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { server, client, clientSide, serverSide } = await scope.pair(nats);
      unwrap(await client.send(messageOf(100, 1)));
      await untilLocal(serverSide, 1);
      await nats.kill();
      await until(() => clientSide.states.includes('failed'), 'the client failed');
      await nats.restart();
      expect(server.isListening()).to.equal(true);
      const accepting = server.accept();
      // The server connects to the NATS server again automatically, after a time that a client can't know.
      await until(async () => (await client.connect()).ok, 'the client is connected again');
      const accepted = scope.add(unwrap(await accepting));
      const again = new Recorder(accepted).receive();
      accepted.startReceiving();
      unwrap(await client.send(messageOf(200, 2)));
      await untilLocal(again, 1);
      expect(again.tally().labels).to.have.length(1);
      await expectLocalToHave(again, [{ lengths: [200], seed: 2 }]);
    }),
  );

  it(
    'waits for a NATS server that is stopped: unresponsive, later responsive, with nothing lost',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const heartbeat = { intervalMs: 50, timeoutMs: 30_000 };
      const { client, clientSide, serverSide } = await scope.pair(nats, { nats: { heartbeat }, sendTimeoutMs: 25_000 });
      nats.signal('SIGSTOP');
      const sends = Array.from({ length: 60 }, (_, index) => client.send(messageOf(100_000, index + 1)));
      await until(() => clientSide.responsiveness.length > 0, 'the client noticed');
      await until(() => serverSide.responsiveness.length > 0, 'the server noticed');
      expect(client.isConnected()).to.equal(true);
      nats.signal('SIGCONT');
      for (const sent of await within(Promise.all(sends), 'every send ended')) unwrap(sent);
      await expectLocalToHave(serverSide, [{ lengths: [100_000], count: 60 }]);
      for (const { responsiveness, states } of [clientSide, serverSide]) {
        await until(() => responsiveness.length > 1, 'the peer is responsive');
        expect(responsiveness.slice(0, 2)).to.deep.equal(['unresponsive', 'responsive']);
        expect(states).to.not.include('failed');
      }
    }),
  );

  it(
    'ends connections when the NATS server is silent for longer than the heartbeat allows',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const heartbeat = { intervalMs: 40, timeoutMs: 200 };
      const { clientSide, serverSide } = await scope.pair(nats, { nats: { heartbeat } });
      nats.signal('SIGSTOP');
      for (const { states, stateErrors } of [clientSide, serverSide]) {
        await until(() => states.includes('failed'), 'the connection failed');
        expect(stateErrors.at(-1)?.code).to.equal('TransportUnavailable');
        expect(stateErrors.at(-1)?.message).to.include('heartbeat.timeoutMs');
      }
    }),
  );

  it(
    'ends when the NATS server silently lowered max_payload, and sends shorter messages on the next connection',
    natsTest(async (scope) => {
      const nats = await scope.natsServer('max_payload: 1MB');
      const { server, client, clientSide, serverSide } = await scope.pair(nats);
      unwrap(await client.send(messageOf(300_000, 1)));
      await untilLocal(serverSide, 1);
      await nats.reload('max_payload: 4KB');
      unwrap(client.trySend(messageOf(300_000, 2)));
      await until(() => clientSide.states.includes('failed'), 'the client failed');
      expect(clientSide.stateErrors.at(-1)?.code).to.equal('TransportUnavailable');
      await until(() => serverSide.states.includes('failed'), 'the server failed');
      expect(serverSide.tally().count).to.equal(1);
      const accepting = server.accept();
      await until(async () => (await client.connect()).ok, 'the client is connected again');
      const accepted = scope.add(unwrap(await accepting));
      const again = new Recorder(accepted).receive().receive({ channel: 'bulk' });
      accepted.startReceiving();
      unwrap(await client.openChannel('bulk'));
      unwrap(await client.sendOnChannel('bulk', messageOf(300_000, 1)));
      unwrap(await client.send(messageOf(300_000, 1)));
      await expectLocalToHave(again, [{ lengths: [300_000] }]);
      await expectLocalToHave(again, [{ lengths: [300_000] }], 'bulk');
    }),
  );

  it(
    'ends connections when the credentials are withdrawn, and refuses new ones with a sentence that says so',
    natsTest(async (scope) => {
      const users = (names: string): string => `authorization { users: [${names}] }`;
      const both = '{user: alice, password: a-password-of-alice}, {user: bob, password: another}';
      const nats = await scope.natsServer(users(both));
      const options = { user: 'alice', password: 'a-password-of-alice' };
      const { client, clientSide, serverSide } = await scope.pair(nats, { nats: options });
      await nats.reload(users('{user: bob, password: another}'));
      for (const { states, stateErrors } of [clientSide, serverSide]) {
        await until(() => states.includes('failed'), 'the connection failed');
        expect(stateErrors.at(-1)?.code).to.equal('TransportUnavailable');
      }
      const refused = await client.connect();
      if (refused.ok) throw new Error('it connected');
      expect(refused.error.code).to.equal('HandshakeFailed');
      expect(refused.error.message).to.include('refused the credentials').and.not.include('a-password-of-alice');
    }),
  );

  it(
    'is not cut as a slow consumer when a peer stops reading while many connections send to it',
    natsTest(async (scope) => {
      // A tenth of the usual limit: more than the connections together may have in flight.
      const nats = await scope.natsServer('max_pending: 6MB');
      const { server, config } = await scope.serve(nats, {
        nats: { maxPendingBytes: 4 * 1024 * 1024, heartbeat: { intervalMs: 50, timeoutMs: 30_000 } },
        sendTimeoutMs: 25_000,
      });
      const host = scope.add(await startPeer('other process', PEER_MODULE));
      scope.defer(() => host.signal('SIGCONT'));
      const accepted = [];
      for (let index = 0; index < 20; index += 1) {
        const connecting = host.actions.connect(config, { receive: [{}] });
        accepted.push(scope.add(unwrap(await server.accept())));
        expect(await connecting).to.equal('ok');
      }
      const slow = accepted.map((connection) => new Recorder(connection));
      for (const connection of accepted) connection.startReceiving();
      host.signal('SIGSTOP');
      const sends = accepted.flatMap((connection) =>
        Array.from({ length: 20 }, (_, index) => connection.send(messageOf(100_000, index + 1))),
      );
      await until(() => slow.every(({ responsiveness }) => responsiveness.length > 0), 'the peer is unresponsive');
      host.signal('SIGCONT');
      for (const sent of await within(Promise.all(sends), 'every send ended')) unwrap(sent);
      for (const { states } of slow) expect(states).to.not.include('failed');
      expect(nats.output).to.not.include('Slow Consumer');
    }),
  );
});

describeNats('NATS: a cluster of three, with the peers on different nodes', () => {
  it(
    'connects across nodes, survives the death of the third node, and ends with one of its own nodes',
    natsTest(async (scope) => {
      const ports = [await freePort(), await freePort(), await freePort()];
      const cluster = (index: number): string =>
        `cluster { name: test, listen: "127.0.0.1:${ports[index] ?? 0}", routes: [${ports
          .map((port) => `"nats://127.0.0.1:${port}"`)
          .join(', ')}] }`;
      const [first, second, third] = await Promise.all([0, 1, 2].map((index) => scope.natsServer(cluster(index))));
      if (first === undefined || second === undefined || third === undefined) throw new Error('three were started');
      const heartbeat = { intervalMs: 100, timeoutMs: 30_000 };
      const { server, config } = await scope.serve(first, { nats: { heartbeat } });
      const client = scope.client({ ...config, endpoint: config.endpoint.replace(first.host, second.host) });
      const clientSide = new Recorder(client).receive();
      const accepting = server.accept();
      // The nodes may not know each other yet.
      await until(async () => (await client.connect()).ok, 'the client reached the server through another node');
      const accepted = scope.add(unwrap(await accepting));
      const serverSide = new Recorder(accepted).receive();
      accepted.startReceiving();
      await third.kill();
      unwrap(await client.send(messageOf(50_000, 1)));
      unwrap(await accepted.send(messageOf(50_000, 1)));
      await untilLocal(serverSide, 1);
      await untilLocal(clientSide, 1);
      await turns(20);
      expect([client.isConnected(), accepted.isConnected()]).to.deep.equal([true, true]);
      await first.kill();
      await until(() => serverSide.states.includes('failed'), "the server's side failed");
      await until(() => client.getState() === 'failed', "the client's side failed");
      expect(serverSide.stateErrors.at(-1)?.code).to.equal('TransportUnavailable');
      expect(clientSide.stateErrors.at(-1)?.code).to.equal('PeerDied');
    }),
  );
});

describeNats('NATS: many connections', () => {
  it(
    'carries a thousand connections of one thread over one pair of NATS connections',
    natsTest(async (scope) => {
      const monitor = await freePort();
      const nats = await scope.natsServer(`http: "127.0.0.1:${monitor}"`);
      const { server, config } = await scope.serve(nats, {
        // Both ends are in this thread: twice as many lanes.
        nats: { maxPendingBytes: 64 * 1024 * 1024, handshakeTimeoutMs: 30_000 },
        connectTimeoutMs: 30_000,
      });
      void (async () => {
        for await (const accepted of server) {
          scope.add(accepted).setMessageCallback((data) => accepted.send(data));
          accepted.startReceiving();
        }
      })();
      const clients = Array.from({ length: 1000 }, () => scope.client(config));
      for (const connected of await Promise.all(clients.map((client) => client.connect()))) unwrap(connected);
      const answers = clients.map(
        (client, index) =>
          new Promise<boolean>((resolve) => {
            client.setMessageCallback((data) => {
              resolve(data.length === index);
            });
            void client.send(new Uint8Array(index));
          }),
      );
      expect((await within(Promise.all(answers), 'every echo came')).every(Boolean)).to.equal(true);
      const shown = (await (await fetch(`http://127.0.0.1:${monitor}/varz`)).json()) as { connections: number };
      expect(shown.connections).to.equal(2);
      const one = scope.client({ ...config, connectTimeoutMs: 5000 });
      for (let index = 0; index < 24; index += 1) unwrap(await scope.client(config).connect());
      const refused = await one.connect();
      expect(codeOf(refused)).to.equal('ResourceLimitExceeded');
      if (!refused.ok) expect(refused.error.message).to.include('nats.maxPendingBytes');
    }),
  );
});

describeNats('NATS: a transport like the others', () => {
  it(
    'reports a missing server at once, also from its probe',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const config = { endpoint: `nats://${nats.host}/nobody-here` };
      const client = scope.client(config);
      const connected = await client.connect();
      if (connected.ok) throw new Error('it connected');
      expect(connected.error.code).to.equal('TransportUnavailable');
      expect(connected.error.message).to.include('no EntropyNet server listens');
      const probe = await new NatsTransport().probe(config);
      expect(probe.available).to.equal(false);
    }),
  );
});
