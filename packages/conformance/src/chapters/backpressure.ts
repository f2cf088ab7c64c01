import { unwrap, type NetworkConnection } from '@entropynet/core';
import { expect } from 'chai';
import { messageOf, type MessageRow } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { turns, until } from '../support/until.js';
import { openLink, SMALL_LIMITS, type ChapterContext, BOTTLENECKS } from '../chapter-context.js';
import { offerRow, sendRow } from './delivery.js';
import { codeOf, expectLocalToHave, expectPeerToHave, untilPeer } from '../expectations.js';

/** The peer takes nothing at first. */
const STALLED = { config: SMALL_LIMITS, peer: { receive: [] } };

/** Contract, semantics 3: backpressure. */
export function describeBackpressure(context: ChapterContext): void {
  describe('3 backpressure', () => {
    describeTrySend(context);
    describeWaiting(context);
    describeGivingUp(context);
    describeStalledReceiver(context);
  });
}

function describeTrySend(context: ChapterContext): void {
  for (const [what, config] of BOTTLENECKS) {
    it(
      `gives WouldBlock when there is no room, and has queued nothing of that message, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { ...STALLED, config });
        let accepted = 0;
        // A peer that runs beside us may make room in the medium between two refusals; what is taken then counts.
        for (let refusals = 0; refusals < 10;) {
          const code = codeOf(local.trySend(messageOf(100, accepted + 1)));
          if (code === 'ok') accepted += 1;
          else {
            expect(code).to.equal('WouldBlock');
            refusals += 1;
          }
        }
        await peer.receive({});
        await untilPeer(peer, accepted);
        await sendRow(local, { lengths: [7], seed: accepted + 1 });
        await expectPeerToHave(peer, [
          { lengths: [100], count: accepted },
          { lengths: [7], seed: accepted + 1 },
        ]);
      }),
    );
  }

  for (const [what, config] of BOTTLENECKS) {
    it(
      `tells a refused sender once that it may go on, through ${what}`,
      scoped(async (scope) => {
        const { local, recorder, peer } = await openLink(context, scope, { ...STALLED, config });
        const accepted = fill(local, 1000);
        for (let attempt = 0; attempt < 5; attempt += 1) local.trySend(messageOf(1000, 1));
        await turns(20);
        // A medium may have emptied into the peer's window by now; the window itself can't.
        if (config === SMALL_LIMITS) expect(recorder.drains).to.deep.equal([]);
        await peer.receive({});
        await until(() => recorder.drains.length > 0, 'drain was emitted');
        unwrap(local.trySend(messageOf(10, 1)));
        await untilPeer(peer, accepted + 1);
        await sendRow(local, { lengths: [100], count: 200 });
        await untilPeer(peer, accepted + 201);
        expect(recorder.drains).to.deep.equal(['']);
      }),
    );
  }

  it(
    'emits no drain to a sender that was never refused',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope, { config: SMALL_LIMITS });
      await sendRow(local, { lengths: [1000], count: 500 });
      await untilPeer(peer, 500);
      expect(recorder.drains).to.deep.equal([]);
    }),
  );

  for (const [what, config] of BOTTLENECKS) {
    it(
      `lets a sender live on trySend() and drain alone, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config });
        const count = 3000;
        let next = 0;
        const sendMore = (): void => {
          while (next < count && local.trySend(messageOf(next % 1500, next + 1)).ok) next += 1;
        };
        local.on('drain', sendMore);
        sendMore();
        await until(
          () => next === count,
          () => `every message was taken; ${next} were`,
        );
        await expectPeerToHave(
          peer,
          Array.from({ length: count }, (_, index) => ({ lengths: [index % 1500], seed: index + 1 })),
        );
      }),
    );
  }

  it(
    'names the channel whose sender may go on',
    scoped(async (scope) => {
      const { local, recorder, peer } = await openLink(context, scope, STALLED);
      unwrap(await local.openChannel('narrow'));
      let accepted = 0;
      while (local.trySendOnChannel('narrow', messageOf(1000, accepted)).ok) accepted += 1;
      await peer.receive({ channel: 'narrow' });
      await until(() => recorder.drains.length > 0, 'drain was emitted');
      expect(recorder.drains).to.deep.equal(['narrow']);
      await untilPeer(peer, accepted, 'narrow');
    }),
  );

  it(
    'takes no more than the configuration allows while the peer takes nothing',
    scoped(async (scope) => {
      const { local } = await openLink(context, scope, STALLED);
      await fillFully(local);
      expect(local.getStats().bytesSent).to.be.within(1, SMALL_LIMITS.channelWindow);
    }),
  );

  it(
    'delivers a large message that trySend() took while there was room for its start only',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, STALLED);
      unwrap(local.trySend(messageOf(500_000, 1)));
      expect(codeOf(local.trySend(messageOf(1, 99)))).to.equal('WouldBlock');
      await peer.receive({});
      await expectPeerToHave(peer, [{ lengths: [500_000] }]);
    }),
  );
}

function describeWaiting(context: ChapterContext): void {
  it(
    'lets send() wait for room, and delivers it then',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, STALLED);
      const filling = await fillFully(local);
      const sent = local.send(messageOf(1000, 1));
      expect(await isPending(sent)).to.be.true;
      await peer.receive({});
      unwrap(await sent);
      await expectPeerToHave(peer, [...filling.rows, { lengths: [1000] }]);
    }),
  );

  it(
    'does not block the event loop while send() waits',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, STALLED);
      await fillFully(local);
      const sent = local.send(messageOf(1000, 1));
      await turns(500);
      await new Promise((resolve) => setTimeout(resolve, 1));
      expect(await isPending(sent)).to.be.true;
      await peer.receive({});
      unwrap(await sent);
    }),
  );

  it(
    'never lets trySend() or claim() overtake a send() that waits',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, STALLED);
      const filling = await fillFully(local);
      const sends = [2000, 0, 80_000, 1].map((length, index) => local.send(messageOf(length, 1 + index)));
      expect(codeOf(local.trySend(new Uint8Array(0)))).to.equal('WouldBlock');
      expect(codeOf(local.claim(0))).to.equal('WouldBlock');
      await peer.receive({});
      const settled = Promise.all(sends);
      while (await isPending(settled)) {
        // Room for a byte is there long before the large message has gone.
        const attempt = local.trySend(messageOf(1, 4711));
        if (attempt.ok) break;
        await turns(1);
      }
      for (const result of await settled) unwrap(result);
      await untilPeer(peer, filling.count + 4);
      const labels = (await peer.labels()).map((label) => Number(label.split(':')[0]));
      expect(labels.slice(filling.count, filling.count + 4)).to.deep.equal([2000, 0, 80_000, 1]);
    }),
  );

  for (const [what, config] of BOTTLENECKS) {
    it(
      `serves the sends that wait in their order, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { ...STALLED, config });
        const filling = await fillFully(local);
        const order: number[] = [];
        const sends = Array.from({ length: 50 }, (_, index) =>
          local.send(messageOf(1000, 1 + index)).then(() => order.push(index)),
        );
        await peer.receive({});
        await Promise.all(sends);
        expect(order).to.deep.equal(Array.from({ length: 50 }, (_, index) => index));
        await expectPeerToHave(peer, [...filling.rows, { lengths: [1000], count: 50 }]);
      }),
    );
  }

  it(
    'gives ResourceLimitExceeded when more waits than sendQueueBytes',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, {
        ...STALLED,
        config: { ...SMALL_LIMITS, sendQueueBytes: 100_000 },
      });
      const filling = await fillFully(local);
      const sends = Array.from({ length: 200 }, (_, index) => local.send(messageOf(1000, 1 + index)));
      await peer.receive({});
      const outcomes = (await Promise.all(sends)).map(codeOf);
      const waited = outcomes.indexOf('ResourceLimitExceeded');
      expect(waited).to.be.within(1, 100);
      expect(new Set(outcomes.slice(waited))).to.deep.equal(new Set(['ResourceLimitExceeded']));
      await expectPeerToHave(peer, [...filling.rows, { lengths: [1000], count: waited }]);
    }),
  );
}

function describeGivingUp(context: ChapterContext): void {
  const impatient = { ...STALLED, config: { ...SMALL_LIMITS, sendTimeoutMs: 60 } };

  for (const length of [0, 1000, 400_000]) {
    it(
      `gives Timeout to a waiting send() of ${length} bytes, and does not deliver it`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, impatient);
        const filling = await fillFully(local);
        expect(codeOf(await local.send(messageOf(length, 777)))).to.equal('Timeout');
        await peer.receive({});
        // Not by `send`: a busy machine may keep the peer from reading for longer than that waits here.
        await offerRow(local, { lengths: [3, 40_000, 0] });
        await expectPeerToHave(peer, [...filling.rows, { lengths: [3, 40_000, 0] }]);
      }),
    );
  }

  it(
    'gives Timeout to a large message that has begun to go, and does not deliver it',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, impatient);
      expect(codeOf(await local.send(messageOf(700_000, 777)))).to.equal('Timeout');
      await peer.receive({});
      await offerRow(local, { lengths: [3, 70_000, 0] });
      await expectPeerToHave(peer, [{ lengths: [3, 70_000, 0] }]);
      expect(local.isConnected()).to.be.true;
    }),
  );

  it(
    'gives Aborted to a send() whose signal was aborted before',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const reason = new Error('changed my mind');
      const sent = await local.send(messageOf(5, 777), { signal: AbortSignal.abort(reason) });
      expect(codeOf(sent)).to.equal('Aborted');
      if (!sent.ok) expect(sent.error.cause).to.equal(reason);
      await sendRow(local, { lengths: [1] });
      await expectPeerToHave(peer, [{ lengths: [1] }]);
    }),
  );

  for (const length of [0, 1000, 400_000]) {
    it(
      `gives Aborted to a waiting send() of ${length} bytes by its signal, and does not deliver it`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, STALLED);
        const filling = await fillFully(local);
        const controller = new AbortController();
        const reason = new Error('changed my mind');
        const aborted = local.send(messageOf(length, 777), { signal: controller.signal });
        const kept = local.send(messageOf(10, 1));
        controller.abort(reason);
        const outcome = await aborted;
        expect(codeOf(outcome)).to.equal('Aborted');
        if (!outcome.ok) expect(outcome.error.cause).to.equal(reason);
        await peer.receive({});
        unwrap(await kept);
        await expectPeerToHave(peer, [...filling.rows, { lengths: [10] }]);
      }),
    );
  }

  it(
    'heeds no signal after send() resolved',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const controller = new AbortController();
      unwrap(await local.send(messageOf(5, 1), { signal: controller.signal }));
      controller.abort();
      await expectPeerToHave(peer, [{ lengths: [5] }]);
    }),
  );
}

function describeStalledReceiver(context: ChapterContext): void {
  it(
    'exerts backpressure without a message callback, and keeps the order',
    scoped(async (scope) => {
      const { recorder, peer } = await openLink(context, scope, { config: SMALL_LIMITS });
      const row = { lengths: [1000, 0, 5000], count: 600 };
      const sent = peer.send(row);
      await turns(50);
      expect(await isPending(sent)).to.be.true;
      recorder.receive();
      expect(await sent).to.deep.equal({ ok: row.count });
      await expectLocalToHave(recorder, [row]);
    }),
  );

  for (const [what, config] of BOTTLENECKS) {
    it(
      `pauses when the callback is taken away, and resumes when it is set again, through ${what}`,
      scoped(async (scope) => {
        const { local, recorder, peer } = await openLink(context, scope, {
          config,
          prepare: (near) => near.receive(),
        });
        const row = { lengths: [700, 20, 45_000], count: 600 };
        const sent = peer.send(row);
        for (let round = 1; round <= 5; round += 1) {
          await until(() => recorder.tally().count >= round * 20, 'some messages arrived');
          recorder.pause();
          const { messagesReceived } = local.getStats();
          await turns(30);
          expect(local.getStats().messagesReceived).to.equal(messagesReceived);
          recorder.receive();
        }
        await sent;
        await expectLocalToHave(recorder, [row]);
      }),
    );
  }

  for (const [what, config] of BOTTLENECKS) {
    it(
      `waits for a peer whose thread is busy, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, {
          config,
          peer: { receive: [{ busyMs: 1 }] },
        });
        const row = { lengths: [2000, 100], count: 200 };
        const busy = peer.keepBusy(50);
        await Promise.all([busy, sendRow(local, row)]);
        await expectPeerToHave(peer, [row]);
      }),
    );
  }

  it(
    'disconnects in spite of a peer that takes nothing',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, {
        ...STALLED,
        config: { ...SMALL_LIMITS, sendTimeoutMs: 200 },
      });
      const filling = await fillFully(local);
      const waiting = local.send(messageOf(1000, 777));
      unwrap(await local.disconnect());
      expect(codeOf(await waiting)).to.equal('ConnectionClosed');
      await peer.receive({});
      await expectPeerToHave(peer, filling.rows);
    }),
  );
}

/** Sends messages of `length` bytes (seeds count up from 1) until one is refused; says how many were taken. */
function fill(connection: NetworkConnection, length: number): number {
  let accepted = 0;
  for (;;) {
    const attempt = connection.trySend(messageOf(length, accepted + 1));
    if (!attempt.ok) {
      expect(attempt.error.code).to.equal('WouldBlock');
      return accepted;
    }
    accepted += 1;
  }
}

/**
 * Sends messages of `length` bytes, then empty ones, until nothing is taken for good: buffers of the system below may
 * empty once more.
 */
async function fillFully(connection: NetworkConnection, length = 1000): Promise<Filling> {
  const counts: number[] = [];
  for (const each of [length, 0]) {
    let accepted = 0;
    for (let quietTurns = 0; quietTurns < 20; quietTurns += 1) {
      for (; connection.trySend(messageOf(each, accepted + 1)).ok; accepted += 1) quietTurns = 0;
      await turns(1);
    }
    counts.push(accepted);
  }
  const [long = 0, empty = 0] = counts;
  return {
    count: long + empty,
    rows: [
      { lengths: [length], count: long },
      { lengths: [0], count: empty },
    ],
  };
}

/** What was taken before there was no more room. */
interface Filling {
  readonly count: number;
  readonly rows: readonly MessageRow[];
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, turns(2).then(() => pending)])) === pending;
}
