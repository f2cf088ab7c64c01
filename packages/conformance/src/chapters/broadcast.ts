import { unwrap, type ConnectionConfig, type ConnectionServer, type NetworkConnection } from '@entropynet/core';
import { expect } from 'chai';
import { Recorder } from '../support/recorder.js';
import { scoped, type Scope } from '../support/scope.js';
import { until } from '../support/until.js';
import { openListener, SMALL_LIMITS, type ChapterContext } from '../chapter-context.js';
import { codeOf } from '../expectations.js';

interface Client {
  readonly near: NetworkConnection;
  readonly accepted: NetworkConnection;
}

/** The promises of a server's `broadcast`. */
export function describeBroadcast(context: ChapterContext): void {
  if (context.side === 'client') return;

  const connectTo = async (scope: Scope, listener: ConnectionServer, config: ConnectionConfig): Promise<Client> => {
    const near = scope.add(context.fixture.createTransport().createConnection(config));
    const accepting = listener.accept();
    unwrap(await near.connect());
    const accepted = scope.add(unwrap(await accepting));
    accepted.startReceiving();
    return { near, accepted };
  };

  describe('broadcast', () => {
    it(
      '[SERVER-7] reaches every accepted connection that has not ended, also when the server is closed',
      scoped(async (scope) => {
        const { listener, clientConfig } = await openListener(context, scope);
        const clients = [
          await connectTo(scope, listener, clientConfig),
          await connectTo(scope, listener, clientConfig),
        ];
        const tallies = clients.map(({ near }) => new Recorder(near).receive().tally());
        const waiting = scope.add(context.fixture.createTransport().createConnection(clientConfig));
        unwrap(await waiting.connect());
        const early = new Recorder(waiting).receive().tally();
        expect(unwrap(listener.broadcast(Uint8Array.of(1)))).to.deep.equal({ sent: 2, skipped: [] });
        // From accept() on, a broadcast reaches it, too.
        const late = scope.add(unwrap(await listener.accept()));
        expect(unwrap(listener.broadcast(Uint8Array.of(2, 3))).sent).to.equal(3);
        await until(() => tallies.every(({ count }) => count === 2), 'both messages arrived');
        await until(() => early.count === 1, 'the message after accept() arrived');
        await late.disconnect();
        await clients[0]!.near.disconnect();
        await until(() => !clients[0]!.accepted.isConnected(), 'the server saw the end');
        await listener.close();
        expect(unwrap(listener.broadcast(new Uint8Array(0)))).to.deep.equal({ sent: 1, skipped: [] });
        await until(() => tallies[1]!.count === 3, 'the empty message arrived');
        expect(tallies[0]!.count).to.equal(2);
      }),
    );

    it(
      '[SERVER-8] skips and names a full connection, and stalls no other',
      scoped(async (scope) => {
        const { listener, clientConfig } = await openListener(context, scope, SMALL_LIMITS);
        const slow = await connectTo(scope, listener, clientConfig);
        const quick = await connectTo(scope, listener, clientConfig);
        const tally = new Recorder(quick.near).receive().tally();
        const message = new Uint8Array(500);
        let reachedBoth = 0;
        let outcome = unwrap(listener.broadcast(message));
        for (; outcome.skipped.length === 0; outcome = unwrap(listener.broadcast(message))) {
          reachedBoth += 1;
          await until(() => tally.count === reachedBoth, 'the quick client has it');
        }
        expect(outcome.sent).to.equal(1);
        expect(outcome.skipped.map(({ connection, error }) => [connection, error.code])).to.deep.equal([
          [slow.accepted, 'WouldBlock'],
        ]);
        await until(() => tally.count === reachedBoth + 1, 'the quick client has what the slow one missed');
        expect(slow.accepted.getStats().messagesSent).to.equal(reachedBoth);
        const drained = new Promise<void>((resolve) => slow.accepted.once('drain', () => resolve()));
        const late = new Recorder(slow.near).receive().tally();
        await drained;
        expect(unwrap(listener.broadcast(message)).sent).to.equal(2);
        await until(() => late.count === reachedBoth + 1, 'the slow client has all but the one that it missed');
      }),
    );

    it(
      '[SERVER-8] keeps at most one message that is longer than a window for a connection that does not read',
      scoped(async (scope) => {
        const { listener, clientConfig } = await openListener(context, scope, SMALL_LIMITS);
        const { accepted, near } = await connectTo(scope, listener, clientConfig);
        const long = new Uint8Array(200_000).fill(7);
        expect(unwrap(listener.broadcast(long)).sent).to.equal(1);
        long.fill(9);
        const again = unwrap(listener.broadcast(long));
        expect(again.skipped.map(({ error }) => error.code)).to.deep.equal(['WouldBlock']);
        expect(accepted.unconfirmedSends()).to.deep.equal({ messages: 1, bytes: long.length });
        const received: Uint8Array[] = [];
        near.setMessageCallback((data) => received.push(data));
        await until(() => received.length === 1, 'the message arrived');
        expect(received[0]!.length).to.equal(long.length);
        expect(received[0]!.every((byte) => byte === 7)).to.be.true;
      }),
    );

    it(
      '[SERVER-9] sends on a named channel, and skips connections on which it is not open',
      scoped(async (scope) => {
        const { listener, clientConfig } = await openListener(context, scope);
        const subscriber = await connectTo(scope, listener, clientConfig);
        const other = await connectTo(scope, listener, clientConfig);
        unwrap(await subscriber.near.openChannel('scores'));
        await until(() => subscriber.accepted.isChannelOpen('scores'), 'the server knows the channel');
        const tally = new Recorder(subscriber.near).receive({ channel: 'scores' }).tally('scores');
        const outcome = unwrap(listener.broadcast(Uint8Array.of(5), { channel: 'scores' }));
        expect(outcome.sent).to.equal(1);
        expect(outcome.skipped.map(({ connection, error }) => [connection, error.code])).to.deep.equal([
          [other.accepted, 'InvalidParameter'],
        ]);
        await until(() => tally.count === 1, 'the message arrived');
      }),
    );

    it(
      '[SERVER-9] refuses an invalid channel name, and throws for a message without bytes, with or without connections',
      scoped(async (scope) => {
        const { listener, clientConfig } = await openListener(context, scope);
        for (let clients = 0; clients < 2; clients += 1) {
          expect(codeOf(listener.broadcast(Uint8Array.of(1), { channel: '' }))).to.equal('InvalidParameter');
          expect(() => listener.broadcast('text' as unknown as Uint8Array)).to.throw(TypeError);
          await connectTo(scope, listener, clientConfig);
        }
      }),
    );
  });
}
