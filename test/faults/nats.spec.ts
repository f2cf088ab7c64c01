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
import { type NatsPair, NatsScope } from '../support/nats/describe-nats.js';
import { natsProgram, natsUnavailable } from '../support/nats/nats-server.js';
import { describeFaults, faultTest, linux, type Requirement, rounds, superuser } from './support/fault-test.js';
import { Network, networks, said } from './support/network.js';

const NODE_PROGRAM = fileURLToPath(new URL('./support/nats-node-program.js', import.meta.url));
const HEARTBEAT = { intervalMs: 100, timeoutMs: 60_000 };

const nats: Requirement = () => natsUnavailable;

/** A scope that starts NATS servers. It ends with the scope of the test. */
function natsScope(scope: Scope): NatsScope {
  const own = new NatsScope();
  scope.defer(() => own.dispose());
  return own;
}

const KIB = 1024;

/** Every limit on the bytes between a sender and its consumer is this. */
const LIMIT_BYTES = 256 * KIB;
const MESSAGE_BYTES = 10_000;
const BATCH = 20;

/** The results of a transfer to a consumer. */
interface Transfer {
  /** The time that the consumer needed for a batch, in milliseconds. */
  readonly batchMs: number;
  /** The most bytes that the sender was ahead of the consumer. */
  readonly aheadBytes: number;
  /** The number of times without room for the next message. */
  readonly waits: number;
}

/** Sends messages as fast as there is room to a consumer that takes them in batches, with a pause after each. */
async function transfer(
  own: NatsScope,
  { server, client }: Pick<NatsPair, 'server' | 'client'>,
  count: number,
  pauseMs: number,
): Promise<Transfer> {
  const accepting = server.accept();
  unwrap(await client.connect());
  const accepted = own.add(unwrap(await accepting));
  let taken = 0;
  let aheadBytes = 0;
  let waits = 0;
  const consume = async (): Promise<number> => {
    const startedAt = performance.now();
    for await (const message of accepted.defaultChannel.messages()) {
      expect(new DataView(message.buffer, message.byteOffset).getUint32(0), 'the next message').to.equal(taken);
      expect(message.length).to.equal(MESSAGE_BYTES);
      taken += 1;
      if (taken === count) break;
      if (taken % BATCH === 0 && pauseMs > 0) await pause(pauseMs);
    }
    return ((performance.now() - startedAt) * BATCH) / count;
  };
  const consuming = consume();
  accepted.startReceiving();
  for (let index = 0; index < count; index += 1) {
    const message = new Uint8Array(MESSAGE_BYTES);
    new DataView(message.buffer).setUint32(0, index);
    if (!client.trySend(message).ok) {
      waits += 1;
      unwrap(await client.send(message));
    }
    aheadBytes = Math.max(aheadBytes, (index + 1 - taken) * MESSAGE_BYTES);
  }
  const batchMs = await consuming;
  expect([client.isConnected(), accepted.isConnected()]).to.deep.equal([true, true]);
  expect(await client.disconnect()).to.have.property('ok', true);
  return { batchMs, aheadBytes, waits };
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
      // From here on, because attempts before the server listens again fail too.
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

  faultTest('N4', 'a consumer reads at a tenth of the rate', [nats], async ({ scope, saw }) => {
    const own = natsScope(scope);
    // Without our windows, the NATS server would cut the consumer: it allows fewer bytes to wait than the sender has.
    const broker = await own.natsServer('max_pending: 2MB');
    const { server, config } = await own.serve(broker, {
      channelWindow: LIMIT_BYTES,
      sendTimeoutMs: 60_000,
      nats: { windowBytes: LIMIT_BYTES, maxBufferedBytes: LIMIT_BYTES, maxPendingBytes: 1024 * KIB },
    });
    const client = own.client(config);
    const count = rounds(1000, 10_000);
    const fast = await transfer(own, { server, client }, count, 0);
    const slow = await transfer(own, { server, client }, count, Math.ceil(9 * fast.batchMs));
    expect(slow.waits).to.be.greaterThan(count / 100);
    // The windows of channel and lane, and the bytes that the NATS server has not confirmed.
    expect(slow.aheadBytes).to.be.at.most(3 * LIMIT_BYTES + MESSAGE_BYTES);
    expect(broker.output).to.not.include('Slow Consumer');
    saw(`${count} messages, the sender at most ${slow.aheadBytes} bytes ahead, ${slow.waits} waits`);
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
