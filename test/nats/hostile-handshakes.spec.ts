import { createHmac, randomBytes } from 'node:crypto';
import { codeOf, messageOf, Recorder, turns, until, untilLocal } from '@entropynet/conformance/tools';
import { SecretProver, unwrap } from '@entropynet/core';
import { headers, type Msg } from '@nats-io/transport-node';
import { expect } from 'chai';
import { describeNats, natsTest } from '../support/nats/describe-nats.js';
import { altered, eavesdropper, SECRET } from '../support/nats/eavesdropper.js';

/** The first bytes of messages of the handshake. */
const [CHALLENGE, WELCOME, REFUSAL, HELLO, ANSWER] = [11, 12, 13, 14, 15];

/** The forged answers that a participant can send to a client in the name of its server, without the secret. */
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

describeNats('NATS: handshakes beside a hostile participant', () => {
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
      // A client without the library, so that a wrong answer surely precedes the right one.
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
      // The server continues to serve.
      const second = scope.client(config);
      unwrap(await second.connect());
      expect(codeOf(await next)).to.equal('ok');
    }),
  );
});
