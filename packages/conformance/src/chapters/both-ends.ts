import { type Channel, OK, type Result, unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { type ChapterContext, openPair, SMALL_LIMITS } from '../chapter-context.js';
import { codeOf } from '../expectations.js';
import { expectedLabel, labelOf, messageOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { until } from '../support/until.js';

/** Promises that a test can check only if it sees both ends of the connection at each step. */
export function describeBothEnds(context: ChapterContext): void {
  describe('both ends', () => {
    it(
      '[OWNERSHIP-1] [BACKPRESSURE-7] returns the window of messages that waited for a callback which transfers them',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope, SMALL_LIMITS);
        unwrap(await near.openChannel('kept'));
        const outgoing = near.channel('kept');
        const incoming = far.channel('kept');
        let label = '';
        // Together the messages need several windows.
        for (let round = 1; round <= 6; round += 1) {
          await until(() => outgoing.trySend(messageOf(20_000, round)).ok, 'the window has room');
          await until(() => incoming.getStats().unreadFrames > 0, 'the message waits for a callback');
          incoming.setMessageCallback((data) => {
            label = labelOf(structuredClone(data, { transfer: [data.buffer as ArrayBuffer] }));
          });
          await until(() => label === expectedLabel(20_000, round), 'the callback took the message');
          incoming.setMessageCallback(null);
        }
      }),
    );

    it(
      '[DELIVERY-8] [END-1] lets work go on writing into a claim after disconnect(), until its commit()',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope, SMALL_LIMITS);
        let received = 0;
        near.setMessageCallback(() => (received += 1));
        // The near side owes window for this message, and returns it when it disconnects.
        unwrap(await far.send(messageOf(100, 1)));
        await until(() => received === 1, 'the message arrived');
        const claim = unwrap(near.claim(4000));
        const leaving = near.disconnect();
        claim.bytes.fill(0xff);
        expect(codeOf(claim.commit())).to.equal('ConnectionClosed');
        unwrap(await leaving);
        expect(await far.closed).to.deep.equal({ state: 'disconnected' });
      }),
    );

    it(
      '[DELIVERY-10] [END-1] lets a function write until it returns, although it has disconnected',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope, SMALL_LIMITS);
        const labels: string[] = [];
        near.setMessageCallback((data) => labels.push(labelOf(data)));
        // The near side owes window for this message, and returns it when it disconnects.
        unwrap(await far.send(messageOf(100, 1)));
        await until(() => labels.length === 1, 'the message arrived');
        const leaving: Promise<Result>[] = [];
        const sent = near.trySendWith(4000, (bytes, start) => {
          leaving.push(near.disconnect());
          bytes.fill(0xff, start, start + 4000);
        });
        expect(codeOf(sent)).to.equal('ConnectionClosed');
        unwrap(await Promise.all(leaving).then(([left = OK]) => left));
        expect(await far.closed).to.deep.equal({ state: 'disconnected' });
      }),
    );

    it(
      '[CHANNEL-7] [CHANNEL-8] reopens a channel only after the last message that the peer sends on the closed one',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope, SMALL_LIMITS);
        unwrap(await near.openChannel('a'));
        const old = near.channel('a');
        await until(() => far.isChannelOpen('a'), 'the far side has the channel');
        unwrap(far.trySendOnChannel('a', messageOf(100_000, 1)));
        const closing = near.closeChannel('a');
        // The far side has acknowledged the close by then. It has not sent all of its message.
        await until(() => !far.isChannelOpen('a'), 'the far side knows that it is closed');
        let isNext = false;
        near.setMessageCallback(() => void (isNext = true));
        unwrap(far.trySend(messageOf(1, 1)));
        await until(() => isNext, 'the acknowledgement arrived, with the message behind it');
        expect(codeOf(old.trySend(messageOf(1, 1)))).to.equal('ConnectionClosed');
        const again = near.closeChannel('a');
        const reopening = near.openChannel('a');
        const labels: string[] = [];
        old.setMessageCallback((data) => labels.push(labelOf(data)));
        for (const ended of [closing, again, reopening]) unwrap(await ended);
        expect(labels).to.deep.equal([expectedLabel(100_000, 1)]);
        expect([near.getState(), far.getState()]).to.deep.equal(['connected', 'connected']);
      }),
    );

    it(
      '[CHANNEL-10] makes a new object for the name after a connection that ended while the peer closed the channel',
      scoped(async (scope) => {
        const { listener, client, accepted } = await openPair(context, scope);
        const opened: Channel[] = [];
        const received: number[][] = [];
        client.on('channel', (name) => {
          const messages: number[] = [];
          received.push(messages);
          opened.push(client.channel(name));
          client.channel(name).setMessageCallback(([first = 0]) => messages.push(first));
        });
        client.startReceiving();
        let peer = accepted;
        for (const round of [1, 2]) {
          unwrap(await peer.openChannel('b'));
          unwrap(await peer.sendOnChannel('b', Uint8Array.of(round)));
          await until(() => received[round - 1]?.length === 1, 'the message arrived');
          if (round === 2) break;
          void peer.closeChannel('b');
          await peer.disconnect();
          await client.closed;
          const accepting = listener.accept();
          unwrap(await client.connect());
          peer = scope.add(unwrap(await accepting));
          peer.startReceiving();
        }
        expect(received).to.deep.equal([[1], [2]]);
        expect(opened[1]).to.not.equal(opened[0]);
        expect(opened.map(({ isOpen }) => isOpen)).to.deep.equal([false, true]);
      }),
    );
  });
}
