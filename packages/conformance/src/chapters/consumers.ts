import { type ConnectionEvents, NetworkError, unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { labelOf, messageOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { turns, until, within } from '../support/until.js';
import { type ChapterContext, openPair } from '../chapter-context.js';

/** A channel has one consumer at a time. Each listener runs separately. */
export function describeConsumers(context: ChapterContext): void {
  describe('one consumer, and separate listeners', () => {
    it(
      '[CONSUMER-1] names the first consumer to a second one of any kind',
      scoped(async (scope) => {
        const { near } = await openPair(context, scope);
        const taken = (use: () => unknown, name: string): void => {
          expect(use).to.throw(NetworkError, name).with.property('code', 'AlreadyExists');
        };
        near.setMessageCallback(() => undefined);
        near.setMessageCallback(() => undefined);
        taken(() => near.messages(), 'a message callback');
        taken(
          () => near.defaultChannel.take({ onMessage: () => undefined }, { name: 'a stream' }),
          'a message callback',
        );
        near.setMessageCallback(null);
        const listener = (): void => undefined;
        near.on('message', listener);
        near.setMessageCallback(() => undefined);
        near.setMessageCallback(null);
        taken(() => near.messages(), 'a message callback');
        near.off('message', listener);
        const lease = near.defaultChannel.take({ onMessage: () => undefined }, { name: 'a stream' });
        taken(() => near.setMessageCallback(() => undefined), 'a stream');
        taken(() => near.on('message', listener), 'a stream');
        taken(() => near.messages(), 'a stream');
        lease.release();
        const waiting = near.messages().next();
        taken(() => near.setMessageCallback(() => undefined), 'a loop over messages()');
        expect(near.channel('other').messages()).to.have.property('next');
        await near.disconnect();
        await waiting;
      }),
    );

    it(
      '[CONSUMER-2] gives waiting messages to a lease, holds them during a pause, and ends the lease after the last message',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope);
        for (let index = 0; index < 4; index += 1) unwrap(await far.send(messageOf(10, index)));
        const log: unknown[] = [];
        const lease = near.defaultChannel.take(
          {
            onMessage: (data) => {
              log.push(labelOf(data));
              if (log.length === 2) lease.pause();
            },
            onEnd: ({ state }) => log.push(state),
          },
          { name: 'a stream' },
        );
        await until(() => log.length === 2, 'two came');
        unwrap(await far.disconnect());
        await within(near.closed, 'the near side saw the end');
        await turns(3);
        expect(log).to.deep.equal([labelOf(messageOf(10, 0)), labelOf(messageOf(10, 1))]);
        expect(lease.isHeld).to.equal(true);
        lease.resume();
        await until(() => log.length === 5, 'the rest came');
        expect(log.slice(2)).to.deep.equal([labelOf(messageOf(10, 2)), labelOf(messageOf(10, 3)), 'disconnected']);
        expect(lease.isHeld).to.equal(false);
      }),
    );

    it(
      "[CONSUMER-2] keeps the messages after a once('message') for the next consumer",
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope);
        for (let index = 0; index < 3; index += 1) unwrap(await far.send(messageOf(10, index)));
        for (let index = 0; index < 3; index += 1) {
          const next = new Promise<Uint8Array>((resolve) => near.once('message', resolve));
          expect(labelOf(await within(next, 'a message came'))).to.equal(labelOf(messageOf(10, index)));
        }
      }),
    );

    it(
      '[CALLBACK-5] calls the other listeners of an event when one throws or rejects, and reports both failures',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope);
        const errors: unknown[] = [];
        near.on('error', (error) => errors.push([error.code, (error.cause as Error).message]));
        near.on('message', () => {
          throw new Error('thrown');
        });
        near.on('message', () => Promise.reject(new Error('rejected')));
        const seen: string[] = [];
        near.on('message', (data) => seen.push(labelOf(data)));
        unwrap(await far.send(messageOf(10, 1)));
        await until(() => errors.length === 2, 'both failures were reported');
        expect(seen).to.deep.equal([labelOf(messageOf(10, 1))]);
        expect(errors).to.have.deep.members([
          ['CallbackFailed', 'thrown'],
          ['CallbackFailed', 'rejected'],
        ]);
      }),
    );

    it(
      '[CALLBACK-6] refuses an event that does not exist',
      scoped(async (scope) => {
        const { near } = await openPair(context, scope);
        const unknown = 'mesage' as keyof ConnectionEvents;
        expect(() => near.on(unknown, () => undefined)).to.throw(TypeError, "'mesage'");
        expect(() => near.off(unknown)).to.throw(TypeError, "'state', 'message'");
      }),
    );

    it(
      '[CALLBACK-7] leaves the subscribers of a library where a program removes all listeners',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope);
        const side = near.channel('side');
        const told: string[] = [];
        const removers = [
          near.subscribe('state', (state) => told.push(state)),
          near.subscribe('channel', (name) => told.push(`channel ${name}`)),
          side.subscribe('closed', () => told.push('closed')),
          side.subscribe('closed', () => {
            throw new Error('of a library');
          }),
        ];
        const errors: unknown[] = [];
        near.on('error', ({ cause }) => errors.push((cause as Error).message));
        for (const event of ['state', 'channel', 'drain'] as const) near.off(event);
        for (const event of ['closed', 'drain', 'message'] as const) side.off(event);
        unwrap(await far.openChannel('side'));
        await until(() => side.isOpen, 'the channel came');
        unwrap(await far.closeChannel('side'));
        await until(() => errors.length > 0, 'the channel ended');
        removers[1]?.();
        unwrap(await far.openChannel('another'));
        await until(() => near.isChannelOpen('another'), 'the other channel came');
        unwrap(await near.disconnect());
        expect(told).to.deep.equal(['channel side', 'closed', 'disconnecting', 'disconnected']);
        expect(errors).to.deep.equal(['of a library']);
        expect(() => near.subscribe('message' as 'state', () => undefined)).to.throw(TypeError, 'take()');
        expect(() => near.subscribe('state', 5 as never)).to.throw(TypeError, 'a number was given');
      }),
    );

    it(
      '[CHANNEL-10] gives the same object for a name until the channel is closed, then a new one',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope);
        const channel = near.channel('side');
        expect(near.channel('side')).to.equal(channel);
        unwrap(await channel.open());
        await until(() => far.channel('side').isOpen, 'the channel came');
        expect(near.channels()).to.deep.equal([channel]);
        const closed = Promise.all(
          [channel, far.channel('side')].map((each) => new Promise((resolve) => each.once('closed', () => resolve(0)))),
        );
        unwrap(await channel.send(messageOf(10, 1)));
        unwrap(await channel.close());
        await within(closed, 'both sides saw it closed');
        expect(channel.isOpen).to.equal(false);
        expect(near.channels()).to.deep.equal([]);
        const next = near.channel('side');
        expect(next).to.not.equal(channel);
        unwrap(await next.open());
        expect(next.isOpen).to.equal(true);
        const refused = await channel.open();
        expect(refused.ok ? 'ok' : refused.error.code).to.equal('ConnectionClosed');
      }),
    );

    if (context.side === 'server') return;
    it(
      '[STATE-4] connects again from inside the disconnected callback, and receives',
      scoped(async (scope) => {
        const { near } = await openPair(context, scope);
        const { closed } = near;
        const connected = new Promise((resolve) => {
          near.setStateCallback((state) => {
            if (state === 'disconnected') resolve(near.connect());
          });
        });
        unwrap(await near.disconnect());
        await within(connected, 'it connected again');
        expect(await closed).to.deep.equal({ state: 'disconnected' });
        near.setStateCallback(null);
        expect(near.getState()).to.equal('connected');
        unwrap(await near.disconnect());
      }),
    );
  });
}
