import { Buffer } from 'node:buffer';
import { unwrap, type NetworkConnection } from '@entropynet/core';
import { expect } from 'chai';
import { BOTTLENECKS, openLink, SMALL_LIMITS, type ChapterContext } from '../chapter-context.js';
import { codeOf, expectPeerToHave, untilPeer } from '../expectations.js';
import { fillMessage, messageOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { sendRow } from '../support/sending.js';
import { until } from '../support/until.js';
import { describeClaims } from './claims.js';
import { describeOrder } from './order.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * A typical subclass of a program: its constructor has one parameter, so `subarray` returns a view of the whole buffer.
 */
class Packet extends Uint8Array {
  constructor(source: number | ArrayBuffer) {
    super(source as number);
  }
}

/** Lengths near every multiple and power of two at which a ring or a fragment may end. */
const ALIGNMENT_LENGTHS = Array.from({ length: 74 }, (_, length) => length);
const POWER_LENGTHS = [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17].flatMap((exponent) =>
  [-65, -64, -9, -8, -1, 0, 1, 8].map((offset) => 2 ** exponent + offset),
);

/** Contract, DELIVERY. */
export function describeDelivery(context: ChapterContext): void {
  describe('messages', () => {
    describeSizes(context);
    describeOrder(context);
    describeClaims(context);
  });
}

function describeSizes(context: ChapterContext): void {
  it(
    '[DELIVERY-1] delivers an empty message as an empty message',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const row = { lengths: [0, 1, 0, 0, 64, 0] };
      await sendRow(local, row);
      await expectPeerToHave(peer, [row]);
    }),
  );

  it(
    '[DELIVERY-1] delivers every length around the alignment of a record',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const row = { lengths: ALIGNMENT_LENGTHS, count: 5 * ALIGNMENT_LENGTHS.length };
      await sendRow(local, row);
      await expectPeerToHave(peer, [row]);
    }),
  );

  it(
    '[DELIVERY-1] [DELIVERY-2] delivers lengths around the powers of two, through small limits',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope, { config: SMALL_LIMITS });
      const row = { lengths: POWER_LENGTHS };
      await sendRow(local, row);
      await expectPeerToHave(peer, [row]);
    }),
  );

  it(
    '[DELIVERY-1] [DELIVERY-2] delivers lengths around the longest fragment',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      // Half of the default window of 1 MiB, without the overhead of a frame.
      const lengths = [-65, -64, -63, -1, 0, 1, 63, 64, 65].map((offset) => 512 * KIB - 64 + offset);
      await sendRow(local, { lengths });
      await expectPeerToHave(peer, [{ lengths }]);
    }),
  );

  for (const [what, config] of BOTTLENECKS) {
    it(
      `[DELIVERY-2] delivers messages larger than any ring or window, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config });
        const row = { lengths: [5 * MIB + 3, 0, 300_001, 17, MIB] };
        await sendRow(local, row);
        await expectPeerToHave(peer, [row]);
      }),
    );
  }

  it(
    '[DELIVERY-2] delivers a message of the default limit, 16 MiB',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const row = { lengths: [16 * MIB, 1] };
      await sendRow(local, row);
      await expectPeerToHave(peer, [row]);
    }),
  );

  it(
    '[DELIVERY-3] gives MessageTooLarge from maxMessageSize + 1 on, and goes on',
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
    "[DELIVERY-3] obeys the peer's limit if it is smaller",
    scoped(async (scope) => {
      const limit = 5000;
      const { local, peer } = await openLink(context, scope, { peerConfig: { maxMessageSize: limit } });
      await expectLimit(local, limit);
      await sendRow(local, { lengths: [limit, 1] });
      await expectPeerToHave(peer, [{ lengths: [limit, 1] }]);
    }),
  );

  it(
    '[DELIVERY-5] takes views into larger buffers, Buffers and shared memory',
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

  for (const [what, config] of BOTTLENECKS) {
    it(
      `[DELIVERY-5] takes arrays of a subclass with an unusual constructor, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config });
        const lengths = [64, 30_000, 200_000, 2 * MIB];
        for (const [index, length] of lengths.entries()) {
          const packet = new Packet(length);
          fillMessage(packet, index + 1);
          await until(() => local.trySend(packet).ok, 'there is room');
        }
        await expectPeerToHave(peer, [{ lengths }]);
      }),
    );
  }

  it(
    '[DELIVERY-5] hands over plain Uint8Arrays',
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

async function expectLimit(connection: NetworkConnection, limit: number): Promise<void> {
  const tooLarge = messageOf(limit + 1, 1);
  expect(codeOf(await connection.send(tooLarge))).to.equal('MessageTooLarge');
  expect(codeOf(connection.trySend(tooLarge))).to.equal('MessageTooLarge');
  expect(codeOf(await connection.sendUnreliable(tooLarge))).to.equal('MessageTooLarge');
  expect(codeOf(connection.claim(limit + 1))).to.equal('MessageTooLarge');
}
