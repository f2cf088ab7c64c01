import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { BOTTLENECKS, openLink, SMALL_LIMITS, type ChapterContext } from '../chapter-context.js';
import { codeOf, expectLocalToHave, expectPeerToHave, untilLocal } from '../expectations.js';
import { messageOf, rowMessage, type MessageRow } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { sendRow } from '../support/sending.js';
import { turns, until } from '../support/until.js';

/** Contract, DELIVERY: order, with every method. */
export function describeOrder(context: ChapterContext): void {
  for (const [what, config] of BOTTLENECKS) {
    it(
      `[DELIVERY-4] keeps the order of 100 000 messages, through ${what}`,
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope, { config });
        const row = { lengths: [0, 1, 5, 8, 13, 24, 64, 100, 3, 31], count: 100_000 };
        await sendRow(local, row);
        await expectPeerToHave(peer, [row]);
      }),
    );
  }

  it(
    '[DELIVERY-4] keeps the order of messages that the peer sends',
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
      `[DELIVERY-5] has copied a message when send() and trySend() return, through ${what}`,
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
      `[DELIVERY-4] delivers in both directions at once, through ${what}`,
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
    '[DELIVERY-4] delivers a burst after every pause',
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
    '[DELIVERY-4] delivers a single message to a peer that is idle, again and again',
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
      `[DELIVERY-4] [CALLBACK-4] sends from inside a message callback, through ${what}`,
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
      `[DELIVERY-4] keeps the order of many sends that nobody awaits, through ${what}`,
      scoped(async (scope) => {
        // A slow machine may need longer for all of them than the default lets the last one wait.
        const { local, peer } = await openLink(context, scope, { config: { ...config, sendTimeoutMs: 60_000 } });
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
      `[DELIVERY-4] delivers every message that trySend() accepted, and no other, through ${what}`,
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
      `[DELIVERY-4] keeps the order of send() and trySend() in turn, through ${what}`,
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
    '[DELIVERY-6] delivers messages of sendUnreliable() in order with the others if there is no unreliable path',
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
