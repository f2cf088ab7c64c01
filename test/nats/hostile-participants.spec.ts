import { createHmac, randomBytes } from 'node:crypto';
import {
  codeOf,
  expectLocalToHave,
  messageOf,
  Recorder,
  turns,
  until,
  untilLocal,
} from '@entropynet/conformance/tools';
import { SecretProver, unwrap } from '@entropynet/core';
import { connect, headers, type Msg, type NatsConnection as Participant } from '@nats-io/transport-node';
import { expect } from 'chai';
import { describeNats, natsTest, type NatsScope } from '../support/nats/describe-nats.js';
import type { NatsServer } from '../support/nats/nats-server.js';

const SECRET = 'the secret of both sides';

/** The first byte of a message that asks for an echo. */
const ECHO = 9;

/** The first bytes of messages of the handshake. */
const [CHALLENGE, WELCOME, REFUSAL, HELLO, ANSWER] = [11, 12, 13, 14, 15];

/** What a participant can say to a client in the name of its server, without the secret. */
const FORGED: Readonly<Record<string, (service: string) => readonly [data: Uint8Array, status?: number]>> = {
  'that nobody is there': () => [new Uint8Array(0), 503],
  'a refusal': () => [handshakeOf(REFUSAL, Buffer.from('ResourceLimitExceeded\nfull'))],
  'another version of the protocol': () => [Uint8Array.of(WELCOME, 99, 0, 0)],
  'a challenge of its own': (service) => [
    handshakeOf(CHALLENGE, randomBytes(32), Buffer.from(`${service}.${'0'.repeat(32)}`)),
  ],
  'a challenge whose answer goes elsewhere': () => [
    handshakeOf(CHALLENGE, randomBytes(32), Buffer.from('elsewhere.0')),
  ],
  'a welcome': () => [handshakeOf(WELCOME, new Uint8Array(48 + 24 + 8), Buffer.from('elsewhere'))],
};

function handshakeOf(kind: number | undefined, ...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([Uint8Array.of(kind ?? 0, 1, 0, 0), ...parts]);
}

/** A participant that hears everything, and what it has heard. */
async function eavesdropper(scope: NatsScope, nats: NatsServer): Promise<{ participant: Participant; heard: Msg[] }> {
  const participant = await connect({ servers: nats.host });
  scope.defer(() => participant.close());
  const heard: Msg[] = [];
  participant.subscribe('>', { callback: (_error, message) => void heard.push(message) });
  await participant.flush();
  return { participant, heard };
}

/** The subjects of the lanes of one connection, found in all messages that a participant has heard. */
function laneSubjects(heard: readonly Msg[]): string[] {
  return [...new Set(heard.map(({ subject }) => subject))].filter((subject) => /\.[0-9a-f]{32}\.[01]$/.test(subject));
}

/** A copy of data with other bytes in its last place. */
function altered(data: Uint8Array): Uint8Array {
  const copy = new Uint8Array(data);
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 0xff;
  return copy;
}

describeNats('NATS: a hostile participant that reads everything', () => {
  it(
    'can neither repeat nor forge messages if both sides have a secret',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { participant, heard } = await eavesdropper(scope, nats);
      const { client, accepted, clientSide, serverSide } = await scope.pair(nats, { secret: SECRET });
      for (let seed = 1; seed <= 20; seed += 1) unwrap(await client.send(messageOf(100, seed)));
      unwrap(await accepted.send(messageOf(50, 1)));
      await untilLocal(serverSide, 20);
      await untilLocal(clientSide, 1);
      await participant.flush();
      const subjects = laneSubjects(heard);
      expect(subjects).to.have.length(4);
      for (const { subject, data } of [...heard]) {
        participant.publish(subject, data);
        participant.publish(subject, altered(data));
        // What one side sent, sent to the other.
        for (const other of subjects) participant.publish(other, data);
      }
      for (const subject of subjects) {
        participant.publish(subject, new Uint8Array(0), { headers: headers(503, 'No Responders') });
        for (let kind = 0; kind < 24; kind += 1) participant.publish(subject, Uint8Array.of(kind, 1, 0, 0, 9, 9, 9, 9));
      }
      await participant.flush();
      for (let seed = 21; seed <= 40; seed += 1) unwrap(await client.send(messageOf(100, seed)));
      await expectLocalToHave(serverSide, [{ lengths: [100], count: 40 }]);
      await expectLocalToHave(clientSide, [{ lengths: [50] }]);
      expect([client.isConnected(), accepted.isConnected()]).to.deep.equal([true, true]);
    }),
  );

  it(
    'ends no connection by forging that a peer with a secret is gone',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { participant, heard } = await eavesdropper(scope, nats);
      const heartbeat = { intervalMs: 50, timeoutMs: 30_000 };
      const { client, clientSide, serverSide } = await scope.pair(nats, { secret: SECRET, nats: { heartbeat } });
      await participant.flush();
      const subjects = laneSubjects(heard);
      let forged = 0;
      const real = (): number => heard.filter(({ data }) => data.length > 0).length;
      // Without a pause, so that a forgery lies right before each heartbeat. The sides ask each other, and hear each other.
      for (const before = real(); real() < before + 100 || forged < 500;) {
        for (const subject of subjects)
          participant.publish(subject, new Uint8Array(0), { headers: headers(503, 'No Responders') });
        forged += 1;
        await participant.flush();
        expect([...clientSide.states, ...serverSide.states]).to.not.include('failed');
      }
      unwrap(await client.send(messageOf(10, 1)));
      await untilLocal(serverSide, 1);
      for (const { states } of [clientSide, serverSide]) expect(states).to.not.include('failed');
    }),
  );

  it(
    'floods one connection, which ends; others continue',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { participant, heard } = await eavesdropper(scope, nats);
      const other = await scope.pair(nats, { secret: SECRET });
      await participant.flush();
      const others = new Set(laneSubjects(heard));
      const flooded = await scope.pair(nats, { secret: SECRET });
      await participant.flush();
      const subject = laneSubjects(heard).find((each) => !others.has(each));
      if (subject === undefined) throw new Error('the connection has subjects');
      const junk = new Uint8Array(64);
      for (let count = 0; count < 25_000; count += 1) {
        participant.publish(subject, junk);
        if (count % 1000 === 0) await participant.flush();
      }
      await until(
        () => flooded.clientSide.states.includes('failed') || flooded.serverSide.states.includes('failed'),
        'the flooded connection ended',
      );
      const errors = [...flooded.clientSide.stateErrors, ...flooded.serverSide.stateErrors];
      expect(errors.filter((error) => error !== undefined).map(({ code }) => code)).to.include('InvalidMessage');
      unwrap(await other.client.send(messageOf(10, 1)));
      await untilLocal(other.serverSide, 1);
      expect(other.clientSide.states).to.not.include('failed');
    }),
  );

  for (const [what, flood] of [
    ['that nobody is there', () => new Uint8Array(0)],
    [
      'an echo of the handshake again',
      (heard: readonly Msg[], subject: string) =>
        heard.find(({ subject: each, data }) => each === subject && data[0] === ECHO)?.data,
    ],
  ] as const) {
    it(
      `floods one connection alone by saying ${what}, although both sides have a secret`,
      natsTest(async (scope) => {
        const nats = await scope.natsServer();
        const { participant, heard } = await eavesdropper(scope, nats);
        const { accepted, clientSide, serverSide } = await scope.pair(nats, { secret: SECRET });
        const other = await scope.pair(nats, { secret: SECRET });
        await participant.flush();
        // The first echo is asked of the first connection's server.
        const subject = heard.find(({ data }) => data[0] === ECHO)?.subject ?? '';
        const data = flood(heard, subject);
        if (data === undefined) throw new Error('an echo was heard');
        const options = data.length === 0 ? { headers: headers(503, 'No Responders') } : {};
        for (let count = 0; count < 25_000 && accepted.isConnected(); count += 1) {
          participant.publish(subject, data, options);
          if (count % 1000 === 0) await participant.flush();
        }
        await until(() => serverSide.states.includes('failed'), 'the flooded connection ended');
        expect(serverSide.stateErrors.at(-1)?.code).to.equal('InvalidMessage');
        await until(() => clientSide.states.includes('failed'), 'its other side ended');
        unwrap(await other.client.send(messageOf(10, 1)));
        await untilLocal(other.serverSide, 1);
      }),
    );
  }

  for (const [what, forge] of Object.entries(FORGED)) {
    it(
      `keeps no client with a secret out by telling it ${what}`,
      natsTest(async (scope) => {
        const nats = await scope.natsServer();
        const { server, config } = await scope.serve(nats, { secret: SECRET });
        const { participant, heard } = await eavesdropper(scope, nats);
        let told = 0;
        participant.subscribe('entropynet.>', {
          callback: (_error, { subject, data, reply }) => {
            if (data[0] !== HELLO || reply === undefined) return;
            const [forged, status] = forge(subject);
            const options = status === undefined ? {} : { headers: headers(status, 'No Responders') };
            for (told += 1; told % 20 !== 0; told += 1) participant.publish(reply, forged, options);
          },
        });
        await participant.flush();
        const accepting = server.accept();
        const client = scope.client(config);
        const clientSide = new Recorder(client).receive();
        unwrap(await client.connect());
        const accepted = scope.add(unwrap(await accepting));
        accepted.startReceiving();
        unwrap(await accepted.send(messageOf(10, 1)));
        await untilLocal(clientSide, 1);
        expect(told).to.be.above(0);
        await participant.flush();
        expect(heard.filter(({ subject }) => subject.startsWith('elsewhere'))).to.be.empty;
      }),
    );
  }

  it(
    'keeps no client with a secret out by hellos without end',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { participant, heard } = await eavesdropper(scope, nats);
      const { server, config } = await scope.serve(nats, { secret: SECRET, nats: { maxConnections: 4 } });
      const accepting = server.accept();
      unwrap(await scope.client(config).connect());
      scope.add(unwrap(await accepting));
      await participant.flush();
      const hello = heard.find(({ data }) => data[0] === HELLO);
      if (hello === undefined) throw new Error('the client said hello');
      for (let count = 0; count < 100; count += 1) {
        participant.publish(hello.subject, handshakeOf(HELLO, randomBytes(16), hello.data.subarray(20)));
      }
      await participant.flush();
      await until(
        () => heard.filter(({ data }) => data[0] === CHALLENGE || data[0] === REFUSAL).length > 100,
        'the server took all hellos',
      );
      const next = server.accept();
      unwrap(await scope.client(config).connect());
      scope.add(unwrap(await next));
    }),
  );

  it(
    'ends no handshake by a wrong answer in the name of its client',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { participant, heard } = await eavesdropper(scope, nats);
      const { server, config } = await scope.serve(nats, { secret: SECRET });
      const accepting = server.accept();
      unwrap(await scope.client(config).connect());
      scope.add(unwrap(await accepting));
      await participant.flush();
      const first = heard.find(({ data }) => data[0] === HELLO);
      if (first === undefined) throw new Error('the client said hello');
      // A client by hand, so that a wrong answer surely comes before the right one.
      const base = `by-hand.${randomBytes(16).toString('hex')}`;
      const id = randomBytes(16);
      const hello = handshakeOf(HELLO, id, first.data.subarray(20, 52), Buffer.from(base));
      const answers: Msg[] = [];
      participant.subscribe(`${base}.0`, { callback: (_error, message) => void answers.push(message) });
      participant.publish(first.subject, hello, { reply: `${base}.0` });
      await until(() => answers.at(-1)?.data[0] === CHALLENGE, 'the challenge is there');
      const challenge = answers[0]?.data ?? new Uint8Array(0);
      const subject = Buffer.from(challenge.subarray(36)).toString();
      const prover = new SecretProver(SECRET);
      const answer = unwrap(prover.answer(challenge.subarray(4, 36)));
      const hmac = createHmac('sha256', prover.sessionKey('nats client')).update(hello).update(answer);
      const right = handshakeOf(ANSWER, id, answer, hmac.digest().subarray(0, 16));
      participant.publish(subject, altered(right));
      participant.publish(subject, handshakeOf(ANSWER, id, randomBytes(64), randomBytes(16)));
      await until(() => answers.filter(({ data }) => data[0] === REFUSAL).length === 2, 'both were refused');
      participant.publish(subject, right);
      await until(() => answers.at(-1)?.data[0] === WELCOME, 'the right answer counts');
    }),
  );

  it(
    'ends only a connection without a secret that gets an invalid message',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { participant, heard } = await eavesdropper(scope, nats);
      const other = await scope.pair(nats);
      await participant.flush();
      const others = new Set(laneSubjects(heard));
      for (const data of [
        Uint8Array.of(1),
        // A gap, and a lane that nobody has.
        Uint8Array.of(1, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        Uint8Array.of(9, 9, 9, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
      ]) {
        const { clientSide, serverSide } = await scope.pair(nats);
        await participant.flush();
        const subject = laneSubjects(heard).findLast((each) => !others.has(each) && each.endsWith('.0'));
        if (subject === undefined) throw new Error('the connection has subjects');
        participant.publish(subject, data);
        await until(
          () => clientSide.states.includes('failed') && serverSide.states.includes('failed'),
          'both sides of the connection ended',
        );
      }
      unwrap(await other.client.send(messageOf(10, 1)));
      await untilLocal(other.serverSide, 1);
    }),
  );

  it(
    'gets no connection without the secret, with any request',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { participant, heard } = await eavesdropper(scope, nats);
      const { server, config } = await scope.serve(nats, { secret: SECRET, nats: { handshakeTimeoutMs: 200 } });
      const accepting = server.accept();
      const client = scope.client(config);
      unwrap(await client.connect());
      unwrap(await accepting);
      await participant.flush();
      const service = heard.find(({ subject }) => /^entropynet\.test-[^.]+$/.test(subject))?.subject;
      if (service === undefined) throw new Error('somebody asked the service');
      const next = server.accept();
      let isAccepted = false;
      void next.then(({ ok }) => (isAccepted = ok));
      for (const { subject, data, reply } of [...heard]) {
        participant.publish(subject, data, { ...(reply !== undefined && reply !== '' && { reply }) });
        participant.publish(service, altered(data));
      }
      for (let length = 0; length < 200; length += 1) participant.publish(service, new Uint8Array(length).fill(14));
      await participant.flush();
      await turns(50);
      expect(isAccepted).to.equal(false);
      // The server serves on.
      const second = scope.client(config);
      unwrap(await second.connect());
      expect(codeOf(await next)).to.equal('ok');
    }),
  );
});
