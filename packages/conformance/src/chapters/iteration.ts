import { type NetworkConnection, NetworkError, unwrap } from '@entropynet/core';
import { runAsMicrotask } from '@entropynet/core/platform';
import { expect } from 'chai';
import { expectedLabel, labelOf, messageOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { turns, until, within } from '../support/until.js';
import { type ChapterContext, openLink, openPair, ownPeer, skippedTest, SMALL_LIMITS } from '../chapter-context.js';
import { codeOf } from '../expectations.js';

/** `messages()`: a loop gets the same messages as a callback. */
export function describeIteration(context: ChapterContext): void {
  describe('messages() as an async iterator', () => {
    it(
      '[CONSUMER-2] gives every message in order and ends with the connection',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope);
        const reading = collect(near);
        for (let index = 0; index < 500; index += 1) unwrap(await far.send(messageOf(index % 80, index)));
        unwrap(await far.disconnect());
        expect(await within(reading, 'the loop ended')).to.deep.equal(labels(0, 500, (index) => index % 80));
        expect(near.getState()).to.equal('disconnected');
      }),
    );

    it(
      '[CONSUMER-2] [DELIVERY-4] gets the first message before a callback that is set while it waits gets the next',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope);
        for (let index = 0; index < 3; index += 1) unwrap(await far.send(messageOf(30, index)));
        await turns(20);
        const order: string[] = [];
        const loop = near.messages();
        const first = loop.next().then(({ value }) => order.push(`loop ${labelOf(value ?? new Uint8Array(0))}`));
        runAsMicrotask(() => {
          near.setMessageCallback((data) => order.push(`callback ${labelOf(data)}`));
        });
        await first;
        await until(() => order.length === 3, 'the messages were read');
        expect(order).to.deep.equal(
          [0, 1, 2].map((index) => `${index === 0 ? 'loop' : 'callback'} ${expectedLabel(30, index)}`),
        );
      }),
    );

    it(
      '[CONSUMER-2] [ADOPTION-1] returns earlier messages, on the default channel and on a named one',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope);
        unwrap(await far.openChannel('assets'));
        for (let index = 0; index < 20; index += 1) {
          unwrap(await far.send(messageOf(30, index)));
          unwrap(await far.sendOnChannel('assets', messageOf(50, index)));
        }
        await turns(20);
        const [first, second] = [collect(near, 20), collect(near, 20, 'assets')];
        expect(await within(first, 'the default channel was read')).to.deep.equal(labels(0, 20, () => 30));
        expect(await within(second, 'the named channel was read')).to.deep.equal(labels(0, 20, () => 50));
      }),
    );

    it(
      '[CONSUMER-2] [BACKPRESSURE-7] holds the peer back while no loop reads, and loses nothing',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope, SMALL_LIMITS);
        const messages = near.messages();
        const first = messages.next();
        let sent = 0;
        for (let refused = 0; refused < 50;) {
          const outcome = codeOf(far.trySend(messageOf(1000, sent)));
          if (outcome === 'ok') [sent, refused] = [sent + 1, 0];
          else {
            expect(outcome).to.equal('WouldBlock');
            refused += 1;
            await turns(1);
          }
          // All windows and media hold less with these limits.
          expect(sent).to.be.lessThan(1000);
        }
        expect(labelOf((await first).value!)).to.equal(expectedLabel(1000, 0));
        const rest = collect(near, sent - 1);
        expect(await within(rest, 'the rest was read')).to.deep.equal(labels(1, sent, () => 1000));
      }),
    );

    it(
      '[CONSUMER-2] loses nothing after a loop ends early: the next loop continues, then a callback',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope);
        for (let index = 0; index < 30; index += 1) unwrap(await far.send(messageOf(10, index)));
        expect(await collect(near, 10)).to.deep.equal(labels(0, 10, () => 10));
        expect(await collect(near, 10)).to.deep.equal(labels(10, 20, () => 10));
        const taken: string[] = [];
        await within(
          new Promise<void>((resolve) => {
            near.setMessageCallback((data) => {
              if (taken.push(labelOf(data)) === 10) resolve();
            });
          }),
          'the callback had the rest',
        );
        expect(taken).to.deep.equal(labels(20, 30, () => 10));
      }),
    );

    it(
      '[CONSUMER-2] serves concurrent calls of next() in order',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope);
        const messages = near.messages();
        const asked = [messages.next(), messages.next(), messages.next()];
        for (let index = 0; index < 2; index += 1) unwrap(await far.send(messageOf(10, index)));
        unwrap(await far.disconnect());
        const results = await within(Promise.all(asked), 'all were answered');
        expect(results.map(({ value }) => (value === undefined ? 'end' : labelOf(value)))).to.deep.equal([
          ...labels(0, 2, () => 10),
          'end',
        ]);
        expect(await messages.next()).to.deep.equal({ done: true, value: undefined });
      }),
    );

    it(
      "[CONSUMER-2] rejects with the signal's reason, and leaves the messages to the next consumer",
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope);
        const controller = new AbortController();
        const waiting = near.messages({ signal: controller.signal }).next();
        const reason = new Error('enough');
        controller.abort(reason);
        expect(await waiting.catch((error: unknown) => error)).to.equal(reason);
        const late = near.messages({ signal: controller.signal }).next();
        expect(await late.catch((error: unknown) => error)).to.equal(reason);
        unwrap(await far.send(messageOf(10, 7)));
        expect(await collect(near, 1)).to.deep.equal(labels(7, 8, () => 10));
      }),
    );

    it(
      '[CONSUMER-2] ends when this side disconnects, also while it waits',
      scoped(async (scope) => {
        const { near } = await openPair(context, scope);
        const waiting = near.messages().next();
        await turns(5);
        unwrap(await near.disconnect());
        expect(await within(waiting, 'the loop ended')).to.deep.equal({ done: true, value: undefined });
        expect(await near.messages().next()).to.deep.equal({ done: true, value: undefined });
      }),
    );
  });
}

/** The same if the peer dies. */
export function describeIterationOfTheDead(context: ChapterContext): void {
  describe('messages() and a peer that dies', () => {
    if (!context.capabilities.detectsPeerDeath) {
      skippedTest('[CONSUMER-3] throws after the death of the peer', 'the transport does not detect it');
      return;
    }
    for (const [when, isReading] of [
      ['while it waits', true],
      ['before it begins', false],
    ] as const) {
      it(
        `[CONSUMER-3] [DEATH-2] returns the messages of a peer that dies ${when}, then throws`,
        scoped(async (scope) => {
          const host = await ownPeer(context, scope);
          const { local } = await openLink(context, scope, { host });
          const labelsSeen: string[] = [];
          const read = async (): Promise<unknown> => {
            try {
              for await (const data of local.messages()) labelsSeen.push(labelOf(data));
              return undefined;
            } catch (error) {
              return error;
            }
          };
          const early = isReading ? read() : undefined;
          expect(await host.actions.send({ lengths: [10], count: 100 })).to.deep.equal({ ok: 100 });
          host.signal('SIGKILL');
          await host.ended;
          if (!isReading) {
            while (local.isConnected()) await turns(1);
          }
          const error = await within(early ?? read(), 'the loop ended');
          expect(labelsSeen).to.have.length(100);
          expect(error).to.be.instanceOf(NetworkError);
          if (isReading) expect((error as NetworkError).code).to.equal('PeerDied');
        }),
      );
    }
  });
}

/** Returns the labels of the next messages: `count`, or all. */
async function collect(connection: NetworkConnection, count = Infinity, channel?: string): Promise<string[]> {
  const seen: string[] = [];
  for await (const data of connection.messages(channel === undefined ? {} : { channel })) {
    seen.push(labelOf(data));
    if (seen.length === count) break;
  }
  return seen;
}

function labels(from: number, to: number, lengthOf: (index: number) => number): string[] {
  return Array.from({ length: to - from }, (_, index) => expectedLabel(lengthOf(from + index), from + index));
}
