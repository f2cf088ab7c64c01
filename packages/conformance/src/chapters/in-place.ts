import { type NetworkConnection, OK, type Result, unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { expectedLabel, fillMessage, labelOf, type MessageRow, messageOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { until } from '../support/until.js';
import { BOTTLENECKS, openLink, SMALL_LIMITS, type ChapterContext } from '../chapter-context.js';
import { codeOf, expectLocalToHave, expectPeerToHave, untilPeer } from '../expectations.js';

const LENGTHS = [0, 1, 7, 8, 64, 1000, 20_000, 100_000];

/** Contract, DELIVERY and OWNERSHIP: messages that are read and written in place. */
export function describeInPlace(context: ChapterContext): void {
  describe('in place', () => {
    describeReading(context);
    describeWriting(context);
  });
}

function describeReading(context: ChapterContext): void {
  it(
    '[OWNERSHIP-4] gives a callback the right bytes of every message, between the given bounds',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope, {
        config: SMALL_LIMITS,
        prepare: (near) => near.receive({ ownership: 'in-place' }).receive({ channel: 'named', ownership: 'in-place' }),
      });
      await peer.openChannel('named');
      const row = { lengths: LENGTHS, count: 300 };
      await peer.send(row);
      await peer.send(row, { channel: 'named' });
      await expectLocalToHave(recorder, [row]);
      await expectLocalToHave(recorder, [row], 'named');
      expect(local.getStats().messagesReceived).to.equal(600);
    }),
  );

  it(
    '[OWNERSHIP-4] gives a late callback the kept messages',
    scoped(async (scope) => {
      const { recorder, peer } = await openLink(context, scope);
      const row = { lengths: [5, 0, 3000, 600_000] };
      await peer.send(row);
      recorder.receive({ ownership: 'in-place' });
      await expectLocalToHave(recorder, [row]);
    }),
  );

  it(
    '[OWNERSHIP-3] [OWNERSHIP-4] shows the callback the bytes in place and gives the message listeners a copy',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const kept: Uint8Array[] = [];
      const shown: string[] = [];
      local.on('message', (data) => kept.push(data));
      local.setMessageCallback((bytes, start, end) => shown.push(labelOf(bytes.subarray(start, end))), {
        ownership: 'in-place',
      });
      await peer.send({ lengths: [500], count: 200 });
      await until(() => kept.length === 200, 'the listener was told of all');
      const expected = Array.from({ length: 200 }, (_, index) => expectedLabel(500, index + 1));
      expect(shown).to.deep.equal(expected);
      expect(kept.map(labelOf)).to.deep.equal(expected);
    }),
  );

  it(
    '[CALLBACK-3] continues after a callback that throws, and reports it',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope);
      let count = 0;
      local.setMessageCallback(
        () => {
          count += 1;
          if (count === 2) throw new Error('the second one failed');
        },
        { ownership: 'in-place' },
      );
      await peer.send({ lengths: [10], count: 5 });
      await until(() => count === 5, 'all five were shown');
      expect(recorder.errors.map(({ code }) => code)).to.deep.equal(['CallbackFailed']);
    }),
  );

  it(
    '[ERROR-2] refuses an unknown ownership, and names the allowed values',
    scoped(async (scope) => {
      const { local } = await openLink(context, scope);
      expect(() => {
        local.setMessageCallback(() => undefined, { ownership: 'inplace' as never });
      }).to.throw(TypeError, /'copy', 'borrow', 'in-place'.*'inplace' was given/);
    }),
  );
}

function describeWriting(context: ChapterContext): void {
  for (const [what, config] of BOTTLENECKS) {
    it(
      `[DELIVERY-10] sends the bytes that a function writes in place, waits for room and keeps the order, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config });
        unwrap(await local.openChannel('named'));
        await peer.receive({ channel: 'named' });
        const row = { lengths: LENGTHS, count: 200 };
        const sendOnDefault = (length: number, seed: number): Result => trySendMessage(local, length, seed);
        const sendOnNamed = (length: number, seed: number): Result =>
          local.channel('named').trySendWith(length, writerOf(length, seed));
        await Promise.all([sendAll(local, undefined, row, sendOnDefault), sendAll(local, 'named', row, sendOnNamed)]);
        await expectPeerToHave(peer, [row]);
        await expectPeerToHave(peer, [row], 'named');
        expect(local.getStats().messagesSent).to.equal(400);
      }),
    );
  }

  it(
    '[DELIVERY-10] sends nothing if the function throws, rethrows the error, and continues',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const failure = new Error('it can not be written');
      for (const length of [100, 300_000]) {
        expect(() =>
          local.trySendWith(length, (bytes, start) => {
            bytes[start] = 1;
            throw failure;
          }),
        ).to.throw(failure);
      }
      unwrap(trySendMessage(local, 50, 7));
      await expectPeerToHave(peer, [{ lengths: [50], seed: 7 }]);
      expect(local.getStats()).to.include({ messagesSent: 1, bytesSent: 50 });
    }),
  );

  it(
    '[DELIVERY-10] sends nothing if the function returns a promise, because it would write too late',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      expect(() => local.trySendWith(10, async () => Promise.reject(new Error('late')))).to.throw(TypeError, /promise/);
      unwrap(trySendMessage(local, 10, 3));
      await expectPeerToHave(peer, [{ lengths: [10], seed: 3 }]);
    }),
  );

  it(
    '[DELIVERY-10] refuses a trySend() inside the function, and sends queued messages of send() afterwards',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      unwrap(await local.openChannel('other'));
      await peer.receive({ channel: 'other' });
      const codes: string[] = [];
      let waiting: Promise<Result> | undefined;
      unwrap(
        local.trySendWith(20, (bytes, start) => {
          codes.push(codeOf(local.trySendWith(5, () => codes.push('ran'))));
          codes.push(codeOf(local.trySend(messageOf(5, 9))));
          codes.push(codeOf(local.trySendOnChannel('other', messageOf(5, 9))));
          codes.push(codeOf(local.claim(5)));
          codes.push(codeOf(local.trySendBatch([messageOf(5, 9)])));
          waiting = local.send(messageOf(30, 2));
          fillMessage(bytes.subarray(start, start + 20), 1);
        }),
      );
      unwrap((await waiting) ?? OK);
      expect(codes).to.deep.equal(['WouldBlock', 'WouldBlock', 'WouldBlock', 'WouldBlock', 'WouldBlock']);
      await expectPeerToHave(peer, [{ lengths: [20, 30] }]);
    }),
  );

  it(
    '[DELIVERY-10] returns ConnectionClosed if the function ends the connection, and sends nothing',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      let ending: Promise<Result> | undefined;
      const sent = local.trySendWith(10, () => {
        ending = local.disconnect();
      });
      expect(codeOf(sent)).to.equal('ConnectionClosed');
      unwrap((await ending) ?? OK);
      expect((await peer.report()).received.get('')?.count ?? 0).to.equal(0);
    }),
  );

  it(
    "[DELIVERY-10] does not call the function for a message that can't be sent",
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, { config: { maxMessageSize: 1000 } });
      const unexpected = (): never => {
        throw new Error('the function ran');
      };
      expect(codeOf(local.trySendWith(1001, unexpected))).to.equal('MessageTooLarge');
      for (const length of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '8' as never])
        expect(codeOf(local.trySendWith(length, unexpected))).to.equal('InvalidParameter');
      expect(codeOf(local.channel('closed').trySendWith(1, unexpected))).to.equal('InvalidParameter');
      expect(() => local.trySendWith(1, undefined as never)).to.throw(TypeError, /function/);
      unwrap(trySendMessage(local, 1000, 1));
      await untilPeer(peer, 1);
      unwrap(await local.disconnect());
      expect(codeOf(local.trySendWith(1, unexpected))).to.equal('ConnectionClosed');
    }),
  );
}

/** Returns a function that writes the message of `seed`. */
function writerOf(length: number, seed: number): (bytes: Uint8Array, start: number) => void {
  return (bytes, start) => {
    // Through a copy, because the last word of a filled message may be cut.
    bytes.set(messageOf(length, seed), start);
  };
}

function trySendMessage(connection: NetworkConnection, length: number, seed: number): Result {
  return connection.trySendWith(length, writerOf(length, seed));
}

/** Sends a row, and continues at each `drain`. */
function sendAll(
  connection: NetworkConnection,
  channel: string | undefined,
  row: MessageRow,
  send: (length: number, seed: number) => Result,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let index = 0;
    const sendMore = (): void => {
      while (index < (row.count ?? 0)) {
        const sent = send(row.lengths[index % row.lengths.length] ?? 0, index + 1);
        if (!sent.ok && sent.error.code !== 'WouldBlock') reject(sent.error);
        if (!sent.ok) return;
        index += 1;
      }
      connection.off('drain', onDrain);
      resolve();
    };
    const onDrain = (name: string | undefined): void => {
      if (name === channel) sendMore();
    };
    connection.on('drain', onDrain);
    sendMore();
  });
}
