import { expectLocalToHave, messageOf, until, untilLocal } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { headers, type Msg } from '@nats-io/transport-node';
import { expect } from 'chai';
import { describeNats, natsTest } from '../support/nats/describe-nats.js';
import { altered, eavesdropper, SECRET } from '../support/nats/eavesdropper.js';

/** The first byte of a message that asks for an echo. */
const ECHO = 9;

/** The subjects of the lanes of one connection, found in all messages that a participant has heard. */
function laneSubjects(heard: readonly Msg[]): string[] {
  return [...new Set(heard.map(({ subject }) => subject))].filter((subject) => /\.[0-9a-f]{32}\.[01]$/.test(subject));
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
        // The bytes of one side, sent to the other.
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
        // The first echo goes to the server of the first connection.
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
        // A gap, and a lane that does not exist.
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
});
