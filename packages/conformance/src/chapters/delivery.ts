import { Buffer } from 'node:buffer';
import { unwrap, type NetworkConnection } from '@entropynet/core';
import { expect } from 'chai';
import { fillMessage, messageOf, rowMessage, countOf, type MessageRow } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { turns, until } from '../support/until.js';
import { openLink, SMALL_LIMITS, type ChapterContext, BOTTLENECKS } from '../chapter-context.js';
import { codeOf, expectLocalToHave, expectPeerToHave, untilLocal, untilPeer } from '../expectations.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Lengths around every multiple and power of two at which a ring or a fragment may end. */
const ALIGNMENT_LENGTHS = Array.from({ length: 74 }, (_, length) => length);
const POWER_LENGTHS = [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17].flatMap((exponent) =>
  [-65, -64, -9, -8, -1, 0, 1, 8].map((offset) => 2 ** exponent + offset),
);

/** Contract, semantics 2: messages. */
export function describeDelivery(context: ChapterContext): void {
  describe('2 messages', () => {
    describeSizes(context);
    describeOrder(context);
    describeClaims(context);
  });
}

function describeSizes(context: ChapterContext): void {
  it(
    'delivers an empty message as an empty message',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const row = { lengths: [0, 1, 0, 0, 64, 0] };
      await sendRow(local, row);
      await expectPeerToHave(peer, [row]);
    }),
  );

  it(
    'delivers every length around the alignment of a record',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const row = { lengths: ALIGNMENT_LENGTHS, count: 5 * ALIGNMENT_LENGTHS.length };
      await sendRow(local, row);
      await expectPeerToHave(peer, [row]);
    }),
  );

  it(
    'delivers lengths around the powers of two, through small limits',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, { config: SMALL_LIMITS });
      const row = { lengths: POWER_LENGTHS };
      await sendRow(local, row);
      await expectPeerToHave(peer, [row]);
    }),
  );

  it(
    'delivers lengths around the longest fragment',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      // Half of the default window of 1 MiB, less what a frame costs.
      const lengths = [-65, -64, -63, -1, 0, 1, 63, 64, 65].map((offset) => 512 * KIB - 64 + offset);
      await sendRow(local, { lengths });
      await expectPeerToHave(peer, [{ lengths }]);
    }),
  );

  for (const [what, config] of BOTTLENECKS) {
    it(
      `delivers messages larger than any ring or window, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config });
        const row = { lengths: [5 * MIB + 3, 0, 300_001, 17, MIB] };
        await sendRow(local, row);
        await expectPeerToHave(peer, [row]);
      }),
    );
  }

  it(
    'delivers a message of the default limit, 16 MiB',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const row = { lengths: [16 * MIB, 1] };
      await sendRow(local, row);
      await expectPeerToHave(peer, [row]);
    }),
  );

  it(
    'gives MessageTooLarge from maxMessageSize + 1 on, and goes on',
    scoped(async (scope) => {
      const limit = 100_000;
      const { local, peer } = await openLink(context, scope, { config: { maxMessageSize: limit } });
      await expectLimit(local, limit);
      await sendRow(local, { lengths: [limit, limit - 1, 0] });
      await expectPeerToHave(peer, [{ lengths: [limit, limit - 1, 0] }]);
      expect(local.isConnected()).to.be.true;
    }),
  );

  it(
    'heeds the limit of the peer where that is the smaller one',
    scoped(async (scope) => {
      const limit = 5000;
      const { local, peer } = await openLink(context, scope, { peerConfig: { maxMessageSize: limit } });
      await expectLimit(local, limit);
      await sendRow(local, { lengths: [limit, 1] });
      await expectPeerToHave(peer, [{ lengths: [limit, 1] }]);
    }),
  );

  it(
    'takes views into larger buffers, Buffers and shared memory',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const whole = messageOf(1000, 9);
      const shared = new Uint8Array(new SharedArrayBuffer(100));
      fillMessage(shared, 3);
      unwrap(await local.send(messageOf(64, 1).subarray()));
      const view = new Uint8Array(200);
      view.set(messageOf(50, 2), 77);
      unwrap(await local.send(view.subarray(77, 127)));
      unwrap(local.trySend(shared));
      unwrap(await local.send(Buffer.from(messageOf(3, 4))));
      unwrap(await local.send(whole.subarray(0, 0)));
      await untilPeer(peer, 5);
      await expectPeerToHave(peer, [
        { lengths: [64], seed: 1 },
        { lengths: [50], seed: 2 },
        { lengths: [100], seed: 3 },
        { lengths: [3], seed: 4 },
        { lengths: [0] },
      ]);
    }),
  );

  it(
    'hands over plain Uint8Arrays',
    scoped(async (scope) => {
      const kinds = new Set<string>();
      const { local, peer } = await openLink(context, scope);
      local.setMessageCallback((data) => kinds.add(data.constructor.name));
      await peer.send({ lengths: [0, 10, 100_000, 2 * MIB] });
      await until(() => local.getStats().messagesReceived === 4, 'four messages arrived');
      expect([...kinds]).to.deep.equal(['Uint8Array']);
    }),
  );
}

function describeOrder(context: ChapterContext): void {
  for (const [what, config] of BOTTLENECKS) {
    it(
      `keeps the order of 100 000 messages, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config });
        const row = { lengths: [0, 1, 5, 8, 13, 24, 64, 100, 3, 31], count: 100_000 };
        await sendRow(local, row);
        await expectPeerToHave(peer, [row]);
      }),
    );
  }

  it(
    'keeps the order of messages that the peer sends',
    scoped(async (scope) => {
      const { recorder, peer } = await openLink(context, scope, {
        config: SMALL_LIMITS,
        prepare: (near) => near.receive(),
      });
      const row = { lengths: [0, 1, 5, 8, 13, 24, 64, 1000, 3, 31_000], count: 5000 };
      await peer.send(row);
      await expectLocalToHave(recorder, [row]);
    }),
  );

  for (const [what, config] of BOTTLENECKS) {
    it(
      `has copied a message when send() and trySend() return, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config });
        const lengths = [1, 64, 1000, 40_000, 200_000];
        const sends: Promise<unknown>[] = [];
        for (const [index, length] of lengths.entries()) {
          const bytes = messageOf(length, index + 1);
          sends.push(local.send(bytes));
          bytes.fill(0xee);
        }
        await Promise.all(sends);
        const last = messageOf(100_000, lengths.length + 1);
        await until(() => local.trySend(last).ok, 'there is room for one more message');
        last.fill(0xee);
        await expectPeerToHave(peer, [{ lengths: [...lengths, 100_000] }]);
      }),
    );
  }

  for (const [what, config] of BOTTLENECKS) {
    it(
      `delivers in both directions at once, through ${what}`,
      scoped(async (scope) => {
        const { local, recorder, peer } = await openLink(context, scope, {
          config,
          prepare: (near) => near.receive(),
        });
        const there = { lengths: [0, 10, 100, 1000, 10_000], count: 3000 };
        const back = { lengths: [9, 99, 999, 70_000], count: 800, seed: 5000 };
        await Promise.all([sendRow(local, there), peer.send(back)]);
        await expectPeerToHave(peer, [there]);
        await expectLocalToHave(recorder, [back]);
      }),
    );
  }

  it(
    'delivers a burst after every pause',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const rows: MessageRow[] = [];
      for (let burst = 0; burst < 20; burst += 1) {
        const row = { lengths: [16, 0, 300], count: 1 + burst * 7, seed: 1000 * burst };
        rows.push(row);
        await sendRow(local, row);
        await expectPeerToHave(peer, rows);
      }
    }),
  );

  it(
    'delivers a single message to a peer that is idle, again and again',
    scoped(async (scope) => {
      const { local, recorder } = await openLink(context, scope, {
        peer: { receive: [{ echo: true }] },
        prepare: (near) => near.receive(),
      });
      for (let round = 1; round <= 200; round += 1) {
        unwrap(await local.send(messageOf(round % 50, round)));
        await untilLocal(recorder, round);
      }
      await expectLocalToHave(recorder, [{ lengths: Array.from({ length: 200 }, (_, index) => (index + 1) % 50) }]);
    }),
  );

  for (const [what, config] of BOTTLENECKS) {
    it(
      `sends from inside a message callback, through ${what}`,
      scoped(async (scope) => {
        const { local, recorder } = await openLink(context, scope, {
          config,
          peer: { receive: [{ echo: true }] },
          prepare: (near) => near.receive(),
        });
        const row = { lengths: [0, 7, 1000, 33_000], count: 2000 };
        await sendRow(local, row);
        await expectLocalToHave(recorder, [row]);
      }),
    );
  }

  for (const [what, config] of BOTTLENECKS) {
    it(
      `keeps the order of many sends that nobody awaits, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config });
        const row = { lengths: [0, 3, 500, 40_000, 16], count: 2000 };
        const sends = Array.from({ length: row.count }, (_, index) => local.send(rowMessage(row, index)));
        const outcomes = new Set((await Promise.all(sends)).map(codeOf));
        expect([...outcomes]).to.deep.equal(['ok']);
        await expectPeerToHave(peer, [row]);
      }),
    );
  }

  for (const [what, config] of BOTTLENECKS) {
    it(
      `delivers every message that trySend() took, and no other, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config });
        const taken: number[] = [];
        for (let index = 0; index < 20_000; index += 1) {
          if (local.trySend(messageOf(index % 300, index + 1)).ok) taken.push(index);
          if (index % 500 === 0) await turns(1);
        }
        const rows = taken.map((index) => ({ lengths: [index % 300], seed: index + 1 }));
        await expectPeerToHave(peer, rows);
      }),
    );
  }

  for (const [what, config] of BOTTLENECKS) {
    it(
      `keeps the order of send() and trySend() in turn, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config });
        const row = { lengths: [10, 60_000, 0, 1], count: 400 };
        for (let index = 0; index < row.count; index += 1) {
          const message = rowMessage(row, index);
          if (index % 2 === 1 || !local.trySend(message).ok) unwrap(await local.send(message));
        }
        await expectPeerToHave(peer, [row]);
      }),
    );
  }

  it(
    'delivers what sendUnreliable() took in order with the rest, where no unreliable path exists',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const row = { lengths: [0, 10, 1000], count: 300 };
      for (let index = 0; index < row.count; index += 1) {
        const message = rowMessage(row, index);
        const isUnreliable = index % 3 === 0 && !context.capabilities.unreliable;
        unwrap(await (isUnreliable ? local.sendUnreliable(message) : local.send(message)));
      }
      await expectPeerToHave(peer, [row]);
    }),
  );
}

function describeClaims(context: ChapterContext): void {
  for (const [what, config] of BOTTLENECKS) {
    it(
      `delivers committed claims of every size, in order with other messages, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config });
        const row = { lengths: [0, 1, 8, 63, 64, 65, 1000, 16_000, 32_000, 40_000, 300_000], count: 220 };
        for (let index = 0; index < row.count; index += 1) {
          if (index % 3 === 2) unwrap(await local.send(rowMessage(row, index)));
          else await claimAndSend(local, row, index);
        }
        await expectPeerToHave(peer, [row]);
      }),
    );
  }

  it(
    'gives as many bytes as were claimed',
    scoped(async (scope) => {
      const { local } = await openLink(context, scope);
      for (const length of [0, 1, 4096, 700_000]) {
        const claim = unwrap(local.claim(length));
        expect(claim.bytes).to.be.instanceOf(Uint8Array);
        expect(claim.bytes).to.have.length(length);
        claim.abort();
      }
    }),
  );

  it(
    'sends nothing of an aborted claim',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      for (const length of [0, 10, 5000, 2 * MIB]) {
        const claim = unwrap(local.claim(length));
        claim.bytes.fill(0xff);
        claim.abort();
        claim.abort();
      }
      await sendRow(local, { lengths: [5, 6] });
      await expectPeerToHave(peer, [{ lengths: [5, 6] }]);
      expect(local.getStats().messagesSent).to.equal(2);
    }),
  );

  it(
    'gives InvalidParameter to a claim that was used already',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const claim = unwrap(local.claim(4));
      fillMessage(claim.bytes, 1);
      unwrap(claim.commit());
      expect(codeOf(claim.commit())).to.equal('InvalidParameter');
      claim.abort();
      const aborted = unwrap(local.claim(4));
      aborted.abort();
      expect(codeOf(aborted.commit())).to.equal('InvalidParameter');
      await sendRow(local, { lengths: [9], seed: 2 });
      await expectPeerToHave(peer, [{ lengths: [4, 9] }]);
    }),
  );

  it(
    'lets a send wait while a claim is under way, in order',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const claim = unwrap(local.claim(100));
      const sent = local.send(messageOf(50, 2));
      expect(codeOf(local.trySend(messageOf(1, 99)))).to.equal('WouldBlock');
      expect(codeOf(local.claim(1))).to.equal('WouldBlock');
      fillMessage(claim.bytes, 1);
      unwrap(claim.commit());
      unwrap(await sent);
      await expectPeerToHave(peer, [{ lengths: [100, 50] }]);
    }),
  );

  it(
    'gives ConnectionClosed to commit() when the connection ended first',
    scoped(async (scope) => {
      const { local } = await openLink(context, scope);
      const claim = unwrap(local.claim(10));
      await local.disconnect();
      expect(codeOf(claim.commit())).to.equal('ConnectionClosed');
      claim.abort();
    }),
  );
}

/** Sends a row as fast as the connection takes it. */
export async function sendRow(connection: NetworkConnection, row: MessageRow): Promise<void> {
  for (let index = 0; index < countOf(row); index += 1) unwrap(await connection.send(rowMessage(row, index)));
}

/** The same by `trySend` alone, which no `sendTimeoutMs` cuts short; on a named channel where one is given. */
export async function offerRow(connection: NetworkConnection, row: MessageRow, channel?: string): Promise<void> {
  for (let index = 0; index < countOf(row); index += 1) {
    const message = rowMessage(row, index);
    await until(() => {
      const sent = channel === undefined ? connection.trySend(message) : connection.trySendOnChannel(channel, message);
      if (!sent.ok) expect(sent.error.code).to.equal('WouldBlock');
      return sent.ok;
    }, `message ${index} was taken`);
  }
}

/** Claims room for a message of the row, waiting for it, and commits. */
async function claimAndSend(connection: NetworkConnection, row: MessageRow, index: number): Promise<void> {
  const message = rowMessage(row, index);
  await until(() => {
    const claim = connection.claim(message.length);
    if (!claim.ok) {
      expect(claim.error.code).to.equal('WouldBlock');
      return false;
    }
    claim.value.bytes.set(message);
    unwrap(claim.value.commit());
    return true;
  }, 'there is room for a claim');
}

async function expectLimit(connection: NetworkConnection, limit: number): Promise<void> {
  const tooLarge = messageOf(limit + 1, 1);
  expect(codeOf(await connection.send(tooLarge))).to.equal('MessageTooLarge');
  expect(codeOf(connection.trySend(tooLarge))).to.equal('MessageTooLarge');
  expect(codeOf(await connection.sendUnreliable(tooLarge))).to.equal('MessageTooLarge');
  expect(codeOf(connection.claim(limit + 1))).to.equal('MessageTooLarge');
}
