import { unwrap, type NetworkConnection } from '@entropynet/core';
import { expect } from 'chai';
import { BOTTLENECKS, openLink, SMALL_LIMITS, type ChapterContext } from '../chapter-context.js';
import { codeOf, expectPeerToHave } from '../expectations.js';
import { fillMessage, messageOf, rowMessage, type MessageRow } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { sendRow } from '../support/sending.js';
import { until } from '../support/until.js';

const MIB = 1024 * 1024;

/** Contract, DELIVERY: claims. */
export function describeClaims(context: ChapterContext): void {
  for (const [what, config] of BOTTLENECKS) {
    it(
      `[DELIVERY-7] delivers committed claims of every size, in order with other messages, through ${what}`,
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
    '[DELIVERY-7] gives as many bytes as were claimed',
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
    '[DELIVERY-7] sends nothing of an aborted claim',
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
    '[DELIVERY-7] gives InvalidParameter to a claim that was used already',
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
    '[DELIVERY-7] gives InvalidParameter to a claim whose memory was transferred, and sends nothing of it',
    scoped(async (scope) => {
      // Not all memory of a medium can be transferred; the memory of a message that needs fragments can.
      const { local, peer } = await openLink(context, scope, { config: { ...SMALL_LIMITS } });
      const claim = unwrap(local.claim(MIB));
      structuredClone(claim.bytes.buffer, { transfer: [claim.bytes.buffer as ArrayBuffer] });
      expect(codeOf(claim.commit())).to.equal('InvalidParameter');
      const written = local.trySendWith(MIB, (bytes) => {
        structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] });
      });
      expect(codeOf(written)).to.equal('InvalidParameter');
      await sendRow(local, { lengths: [5, 6] });
      await expectPeerToHave(peer, [{ lengths: [5, 6] }]);
      expect(local.getStats().messagesSent).to.equal(2);
    }),
  );

  it(
    '[DELIVERY-7] sends an empty claim, also if its memory was transferred',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      const transfer = ({ buffer }: Uint8Array): void => {
        // The memory of a ring is shared and can't be transferred.
        if (buffer.byteLength < 1000) structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
      };
      const claim = unwrap(local.claim(0));
      transfer(claim.bytes);
      unwrap(claim.commit());
      unwrap(local.trySendWith(0, transfer));
      await sendRow(local, { lengths: [5], seed: 3 });
      await expectPeerToHave(peer, [{ lengths: [0, 0, 5] }]);
    }),
  );

  it(
    '[DELIVERY-8] lets a send wait while a claim is under way, in order',
    scoped(async (scope) => {
      const { local, peer } = await openLink(context, scope);
      // The second one is longer than a frame of any transport.
      const lengths = [100, 50, 2 * MIB, 50];
      for (let seed = 1; seed < lengths.length; seed += 2) {
        const claim = unwrap(local.claim(lengths[seed - 1]!));
        const sent = local.send(messageOf(50, seed + 1));
        expect(codeOf(local.trySend(messageOf(1, 99)))).to.equal('WouldBlock');
        expect(codeOf(local.claim(1))).to.equal('WouldBlock');
        fillMessage(claim.bytes, seed);
        unwrap(claim.commit());
        unwrap(await sent);
      }
      await expectPeerToHave(peer, [{ lengths }]);
    }),
  );

  it(
    '[DELIVERY-8] gives ConnectionClosed to commit() when the connection ended first',
    scoped(async (scope) => {
      const { local } = await openLink(context, scope);
      const claim = unwrap(local.claim(10));
      await local.disconnect();
      expect(codeOf(claim.commit())).to.equal('ConnectionClosed');
      claim.abort();
    }),
  );
}

/** Waits for room, claims it for a message of the row, and commits. */
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
