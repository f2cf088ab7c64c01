import { codeOf, messageOf, Recorder, until, untilLocal, within } from '@entropynet/conformance/tools';
import { type NetworkConnection, unwrap } from '@entropynet/core';
import { createNetworking } from '@entropynet/manager';
import { NatsConnectionServer, natsTransportModule } from '@entropynet/transport-nats';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { connect } from '@nats-io/transport-node';
import { expect } from 'chai';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freshName } from '../support/fresh-name.js';
import { describeNats, natsTest } from '../support/nats/describe-nats.js';
import { LOCALHOST_CERTIFICATE, LOCALHOST_PRIVATE_KEY } from '../support/web-socket/localhost-certificate.js';

describeNats('NATS: servers that share a service', () => {
  it(
    'share the clients in one queue group, and let no other server in',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const config = { endpoint: `nats://${nats.host}/${freshName()}`, nats: { queueGroup: 'workers' } };
      const servers = [1, 2].map(() => scope.add(new NatsConnectionServer(config)));
      for (const server of servers) unwrap(await server.listen());
      const accepted: number[] = [0, 0];
      servers.forEach((server, index) => {
        void (async () => {
          for await (const connection of server) {
            scope.add(connection);
            accepted[index] = (accepted[index] ?? 0) + 1;
          }
        })();
      });
      for (let index = 0; index < 40; index += 1) unwrap(await scope.client(config).connect());
      await until(() => (accepted[0] ?? 0) + (accepted[1] ?? 0) === 40, 'every client was accepted');
      for (const count of accepted) expect(count).to.be.greaterThan(0);
      for (const group of ['others', undefined]) {
        const options = group === undefined ? {} : { queueGroup: group };
        const third = scope.add(new NatsConnectionServer({ endpoint: config.endpoint, nats: options }));
        const listening = await third.listen();
        expect(codeOf(listening)).to.equal('AddressInUse');
        if (!listening.ok) expect(listening.error.message).to.include("'workers'");
      }
    }),
  );
});

describeNats('NATS: beside other transports', () => {
  it(
    'listens over NATS as soon as the NATS server is up, if that starts after the service',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      await nats.kill();
      const transports = [webSocketTransportModule, natsTransportModule];
      const networking = await createNetworking({ transports, log: () => undefined });
      scope.defer(() => networking.close());
      const endpoint = `nats://${nats.host}/${freshName()}`;
      const server = unwrap(
        networking.manager.createServer({ endpoint: 'ws://127.0.0.1:0/canvas', fallback: [endpoint] }),
      );
      unwrap(await server.listen());
      expect(server.getPassedOver().map(({ backend, isRetried }) => ({ backend, isRetried }))).to.deep.equal([
        { backend: 'nats', isRetried: true },
      ]);
      await nats.restart();
      await until(() => server.getPassedOver().length === 0, 'the service listens over NATS');
      unwrap(await scope.client({ endpoint }).connect());
      expect(unwrap(await server.accept()).getBackend()).to.equal('nats');
    }),
  );

  it(
    'listens on NATS and WebSocket with one configuration, and falls back in both directions',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const networking = await createNetworking({
        transports: [webSocketTransportModule, natsTransportModule],
        log: () => undefined,
      });
      scope.defer(() => networking.close());
      const { manager } = networking;
      const natsEndpoint = `nats://${nats.host}/${freshName()}`;
      const server = unwrap(manager.createServer({ endpoint: natsEndpoint, fallback: ['ws://127.0.0.1:0/canvas'] }));
      unwrap(await server.listen());
      const webSocketEndpoint = server.addresses().find((each) => each.startsWith('ws:')) ?? '';
      for (const [endpoint, fallback, backend] of [
        [natsEndpoint, webSocketEndpoint, 'nats'],
        [webSocketEndpoint, natsEndpoint, 'websocket'],
        [`nats://${nats.host}/nobody`, webSocketEndpoint, 'websocket'],
        ['ws://127.0.0.1:9/canvas', natsEndpoint, 'nats'],
      ] as const) {
        const handle = unwrap(manager.openConnection({ endpoint, fallback: [fallback] }));
        unwrap(await handle.connect());
        expect(handle.getSelection()?.backend).to.equal(backend);
        const accepted = unwrap(await server.accept());
        expect(accepted.getBackend()).to.equal(backend);
        await handle.close();
      }
    }),
  );
});

describeNats('NATS: credentials, permissions and TLS', () => {
  it(
    'takes the user from the configuration or from the endpoint, and shows neither',
    natsTest(async (scope) => {
      const nats = await scope.natsServer('authorization { user: alice, password: "s3cret of alice" }');
      const service = freshName();
      const given = {
        endpoint: `nats://${nats.host}/${service}`,
        nats: { user: 'alice', password: 's3cret of alice' },
      };
      const server = scope.add(new NatsConnectionServer(given));
      unwrap(await server.listen());
      const client = scope.client({ endpoint: `nats://alice:s3cret%20of%20alice@${nats.host}/${service}` });
      unwrap(await client.connect());
      expect(client.description()).to.not.include('s3cret');
      const refused = await scope.client({ endpoint: `nats://alice:wrong@${nats.host}/${service}` }).connect();
      if (refused.ok) throw new Error('it connected');
      expect(refused.error.code).to.equal('HandshakeFailed');
      expect(JSON.stringify(refused.error)).to.not.include('wrong@').and.not.include(':wrong');
    }),
  );

  it(
    'names the missing permission',
    natsTest(async (scope) => {
      const nats = await scope.natsServer(
        'authorization { users: [{user: all, password: all}, ' +
          '{user: mute, password: mute, permissions: {publish: "_INBOX.>", subscribe: ">"}}, ' +
          '{user: deaf, password: deaf, permissions: {publish: ">", subscribe: "_INBOX.>"}}] }',
      );
      const as = (name: string): { nats: { user: string; password: string } } => ({
        nats: { user: name, password: name },
      });
      const { config } = await scope.serve(nats, as('all'));
      const mute = await scope.client({ ...config, ...as('mute') }).connect();
      if (mute.ok) throw new Error('it connected');
      expect(mute.error.code).to.equal('HandshakeFailed');
      expect(mute.error.message).to.include("publishing to 'entropynet.");
      const deaf = scope.add(new NatsConnectionServer({ endpoint: `nats://${nats.host}/other`, ...as('deaf') }));
      const listening = await deaf.listen();
      if (listening.ok) throw new Error('it listens');
      expect(listening.error.code).to.equal('HandshakeFailed');
      expect(listening.error.message).to.include("subscribing to 'entropynet.other'");
    }),
  );

  it(
    'encrypts by TLS, and checks the certificate',
    natsTest(async (scope) => {
      const folder = mkdtempSync(join(tmpdir(), 'en-nats-tls-'));
      scope.defer(() => {
        rmSync(folder, { recursive: true, force: true });
      });
      const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
      writeFileSync(certificate, LOCALHOST_CERTIFICATE);
      writeFileSync(key, LOCALHOST_PRIVATE_KEY);
      const nats = await scope.natsServer(`tls { cert_file: "${certificate}", key_file: "${key}" }`);
      const tls = { certificateAuthority: LOCALHOST_CERTIFICATE };
      const { client, serverSide } = await scope.pair(nats, { nats: { tls } });
      unwrap(await client.send(messageOf(100_000, 1)));
      await untilLocal(serverSide, 1);
      const refused = await scope.client({ endpoint: `nats://${nats.host}/service`, nats: { tls: {} } }).connect();
      expect(codeOf(refused)).to.equal('HandshakeFailed');
    }),
  );
});

describeNats("NATS: a program's own NATS connection", () => {
  it(
    'carries both lanes, ends its connections when it breaks, and listens again when it is back',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const own = await connect({ servers: nats.host, maxReconnectAttempts: -1, reconnectTimeWait: 20 });
      scope.defer(() => own.close());
      const { server, client, clientSide, serverSide } = await scope.pair(nats, { nats: { connection: own } });
      unwrap(await client.openChannel('bulk'));
      serverSide.receive({ channel: 'bulk' });
      unwrap(await client.sendOnChannel('bulk', messageOf(100_000, 1)));
      await untilLocal(serverSide, 1, 'bulk');
      await nats.kill();
      await until(() => clientSide.states.includes('failed'), 'the client failed');
      await until(() => serverSide.states.includes('failed'), 'the server failed');
      await nats.restart();
      const accepting = server.accept();
      await until(async () => (await client.connect()).ok, 'the client is connected again');
      const accepted: NetworkConnection = scope.add(unwrap(await accepting));
      const again = new Recorder(accepted).receive();
      accepted.startReceiving();
      unwrap(await client.send(messageOf(10, 1)));
      await untilLocal(again, 1);
      await client.disconnect();
      await server.close();
      expect(own.isClosed()).to.equal(false);
    }),
  );

  for (const [when, maxReconnectAttempts, isKilled, isClosed] of [
    ['the program closes it', -1, false, true],
    ['the program closes it while it is interrupted', -1, true, true],
    ['it stops reconnecting', 2, true, false],
  ] as const) {
    it(
      `closes its servers when ${when}`,
      natsTest(async (scope) => {
        const nats = await scope.natsServer();
        const own = await connect({ servers: nats.host, maxReconnectAttempts, reconnectTimeWait: 20 });
        scope.defer(() => own.close());
        const { server, serverSide } = await scope.pair(nats, { nats: { connection: own } });
        const accepting = server.accept();
        if (isKilled) await nats.kill();
        if (isKilled) await until(() => serverSide.states.includes('failed'), 'it is interrupted');
        if (isClosed) await own.close();
        expect(codeOf(await within(accepting, 'the server closed'))).to.equal('ConnectionClosed');
        expect(server.isListening()).to.equal(false);
        expect(codeOf(await server.listen())).to.equal('TransportUnavailable');
      }),
    );
  }

  it(
    'can not be used after the program has closed it',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const own = await connect({ servers: nats.host });
      await own.close();
      const config = { endpoint: `nats://${nats.host}/${freshName()}`, nats: { connection: own } };
      const server = scope.add(new NatsConnectionServer(config));
      expect(codeOf(await server.listen())).to.equal('TransportUnavailable');
      unwrap(await server.close());
    }),
  );
});
