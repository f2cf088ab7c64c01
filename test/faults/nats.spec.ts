import { expect } from 'chai';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  expectLocalToHave,
  messageOf,
  Recorder,
  type Scope,
  until,
  untilLocal,
  within,
} from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { NatsScope } from '../support/nats/describe-nats.js';
import { natsProgram, natsUnavailable } from '../support/nats/nats-server.js';
import { describeFaults, faultTest, linux, type Requirement, rounds, superuser } from './support/fault-test.js';
import { Network, networks, said } from './support/network.js';

const NODE_PROGRAM = fileURLToPath(new URL('./support/nats-node-program.js', import.meta.url));
const HEARTBEAT = { intervalMs: 100, timeoutMs: 60_000 };

const nats: Requirement = () => natsUnavailable;

/** A scope that starts NATS servers; it ends with the test's own. */
function natsScope(scope: Scope): NatsScope {
  const own = new NatsScope();
  scope.defer(() => own.dispose());
  return own;
}

describeFaults('a NATS server and the network to it', () => {
  faultTest('N1', 'the NATS server is killed and started again', [nats], async ({ scope, saw }) => {
    const own = natsScope(scope);
    const broker = await own.natsServer();
    const { server, config } = await own.serve(broker);
    const count = rounds(3, 50);
    for (let round = 0; round < count; round += 1) {
      const accepting = server.accept();
      const client = own.client(config);
      await until(async () => (await client.connect()).ok, 'the client is served');
      // From here on: attempts before the server listens again fail too.
      const clientSide = new Recorder(client).receive();
      const accepted = own.add(unwrap(await accepting));
      const serverSide = new Recorder(accepted).receive();
      accepted.startReceiving();
      unwrap(await client.send(messageOf(100, round)));
      await untilLocal(serverSide, 1);
      await broker.kill();
      for (const { states, stateErrors } of [clientSide, serverSide]) {
        await until(() => states.includes('failed'), 'the connection failed');
        expect(stateErrors.at(-1)?.code).to.equal('TransportUnavailable');
      }
      await broker.restart();
    }
    saw(`${count} times TransportUnavailable, and served again`);
  });

  faultTest('N2', 'the NATS server is stopped, while both sides send', [nats], async ({ scope, saw }) => {
    const own = natsScope(scope);
    const broker = await own.natsServer();
    const changes = { nats: { heartbeat: HEARTBEAT }, sendTimeoutMs: 60_000 };
    const { client, accepted, clientSide, serverSide } = await own.pair(broker, changes);
    broker.signal('SIGSTOP');
    own.defer(() => {
      broker.signal('SIGCONT');
    });
    const sends = [client, accepted].flatMap((side) =>
      Array.from({ length: 60 }, (_, index) => side.send(messageOf(100_000, index + 1))),
    );
    const stoppedMs = rounds(1000, 10_000);
    await pause(stoppedMs);
    for (const { responsiveness } of [clientSide, serverSide]) {
      await until(() => responsiveness.at(-1) === 'unresponsive', 'the side has noticed');
    }
    broker.signal('SIGCONT');
    for (const sent of await within(Promise.all(sends), 'every send ended')) unwrap(sent);
    for (const side of [clientSide, serverSide]) {
      await expectLocalToHave(side, [{ lengths: [100_000], count: 60 }]);
      await until(() => side.responsiveness.at(-1) === 'responsive', 'the peer is responsive');
      expect(side.states).to.not.include('failed');
    }
    saw(`${stoppedMs} ms of silence, then all 120 messages`);
  });

  faultTest('N3', 'the network cuts one host off', [nats, linux, superuser, networks], async ({ scope, saw }) => {
    const network = new Network(scope, 2);
    const broker = network.run('hub', natsProgram ?? '', '-a', network.address, '-p', '4222');
    await until(() => broker.lines.some((line) => line.includes('Server is ready')), 'the NATS server is ready');
    const start = (host: number, role: string): ReturnType<Network['run']> =>
      network.run(
        host,
        process.execPath,
        ...process.execArgv,
        NODE_PROGRAM,
        role,
        `nats://${network.address}:4222/cut`,
      );
    const server = start(0, 'server');
    await said(server, 'listening');
    const client = start(1, 'client');
    await said(client, 'ready');
    client.tell('connect');
    await said(client, 'connect: ok');
    client.tell('before');
    await said(server, 'message before');
    network.cut(0);
    // The host that was cut off hears no NATS server; the other one hears it, and no peer.
    await said(server, 'failed TransportUnavailable');
    await said(client, 'failed PeerDied');
    network.heal(0);
    const outcomes = (): string[] => client.lines.filter((line) => line.startsWith('connect: '));
    while (outcomes().filter((line) => line === 'connect: ok').length < 2) {
      const before = outcomes().length;
      client.tell('connect');
      await until(() => outcomes().length > before, 'connect() ended');
    }
    client.tell('after');
    await said(server, 'message after');
    saw('TransportUnavailable where it was cut off, PeerDied elsewhere; served again');
  });
});
