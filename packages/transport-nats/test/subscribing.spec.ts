import { codeOf, until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { NatsConnectionServer } from '@entropynet/transport-nats';
import { NatsSession } from '@entropynet/transport-nats/internal/nats-session';
import { expect } from 'chai';
import { freshName } from '@entropynet/test/support/fresh-name';
import { describeNats, type NatsScope, natsTest } from '@entropynet/test/support/nats/describe-nats';

/** The subscriptions of servers while one of them fails. */
interface Subscriptions {
  readonly open: ReadonlySet<string>;
  hasFailed: boolean;
  /** The number of NATS connections without a user. */
  closed: number;
}

/** Makes the subscription of that index throw, as on a NATS connection that has just ended. */
function failSubscription(scope: NatsScope, index: number): Subscriptions {
  const { subscribe, close } = NatsSession.prototype;
  const open = new Set<string>();
  const subscriptions: Subscriptions = { open, hasFailed: false, closed: 0 };
  let count = 0;
  NatsSession.prototype.subscribe = function (this: NatsSession, subject, ...rest) {
    // A question for the service is subscribed to an inbox.
    if (subject.startsWith('_INBOX')) return subscribe.call(this, subject, ...rest);
    count += 1;
    if (count === index + 1) {
      subscriptions.hasFailed = true;
      throw new Error('it is closed');
    }
    const leave = subscribe.call(this, subject, ...rest);
    open.add(subject);
    return () => {
      open.delete(subject);
      leave();
    };
  };
  NatsSession.prototype.close = function (this: NatsSession) {
    subscriptions.closed += 1;
    return close.call(this);
  };
  scope.defer(() => {
    Object.assign(NatsSession.prototype, { subscribe, close });
  });
  return subscriptions;
}

describeNats('NATS: a server that can not subscribe', () => {
  for (const index of [0, 1]) {
    it(
      `gives back what it has, after ${index} subscriptions, and can listen again`,
      natsTest(async (scope) => {
        const { host } = await scope.natsServer();
        const endpoint = `nats://${host}/${freshName()}`;
        const server = scope.add(new NatsConnectionServer({ endpoint }));
        const subscriptions = failSubscription(scope, index);
        const outcome = await server.listen();
        expect(codeOf(outcome)).to.equal('TransportUnavailable');
        expect(outcome.ok ? '' : outcome.error.message).to.include('it is closed');
        expect([...subscriptions.open]).to.deep.equal([]);
        await until(() => subscriptions.closed === 1, 'its NATS connection has no user');
        unwrap(await server.listen());
        unwrap(await scope.client({ endpoint }).connect());
      }),
    );
  }

  it(
    'after a restart of the NATS server tries again until it serves',
    natsTest(async (scope) => {
      const nats = await scope.natsServer();
      const { client, clientSide } = await scope.pair(nats);
      const subscriptions = failSubscription(scope, 0);
      await nats.kill();
      await until(() => clientSide.states.includes('failed'), 'the client failed');
      await nats.restart();
      await until(async () => (await client.connect()).ok, 'the client is connected again');
      expect(subscriptions.hasFailed).to.equal(true);
    }),
  );
});
