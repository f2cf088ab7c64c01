import { expect } from 'chai';
import { type Scope, scoped, turns, until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { send, Site, take, textOf } from './unread-support.js';

/** Returns a site whose handle has unread messages of two connections, and gets no third connection. */
async function lastConnectionOf(scope: Scope): Promise<{ site: Site; end: () => Promise<void> }> {
  const site = await Site.open(scope, { maxAttempts: 1 });
  const peer = await site.first();
  await send(peer, '1', '2');
  const second = await site.next(peer);
  await send(second, '3');
  return {
    site,
    end: async () => {
      unwrap(await site.server.close());
      unwrap(await second.close());
    },
  };
}

describe('the next reader of unread messages', () => {
  it(
    '[HANDLE-6] gets them all if a callback is set when the handle has given up',
    scoped(async (scope) => {
      const { site, end } = await lastConnectionOf(scope);
      const got: string[] = [];
      site.handle.on('state', (state) => {
        if (state === 'failed') site.handle.setMessageCallback((data) => got.push(textOf(data)));
      });
      await end();
      await site.handle.closed;
      await turns(2);
      expect(got).to.deep.equal(['1', '2', '3']);
      expect(site.errors).to.deep.equal([]);
    }),
  );

  it(
    '[HANDLE-6] gets them all if a loop begins when the handle has given up, and ends after them',
    scoped(async (scope) => {
      const { site, end } = await lastConnectionOf(scope);
      const looped = new Promise<string[]>((resolve, reject) => {
        site.handle.on('state', (state) => {
          if (state === 'failed') take(site.handle.messages(), 4).then(resolve, reject);
        });
      });
      await end();
      expect(await looped).to.deep.equal(['1', '2', '3']);
    }),
  );

  it(
    '[CONSUMER-1] is the one consumer of the channel before it has them',
    scoped(async (scope) => {
      const site = await Site.open(scope);
      const peer = await site.first();
      await send(peer, '1', '2');
      const second = await site.next(peer);
      await send(second, '3');
      const got: string[] = [];
      site.handle.setMessageCallback((data) => got.push(textOf(data)));
      const { defaultChannel } = site.handle;
      expect(() => defaultChannel.take({ onMessage: () => undefined }, { name: 'a test' }))
        .to.throw('a message callback takes the messages of the default channel already')
        .with.property('code', 'AlreadyExists');
      await until(() => got.length === 3, 'the callback has all messages');
      expect(got).to.deep.equal(['1', '2', '3']);
      expect(site.errors).to.deep.equal([]);
    }),
  );

  it(
    '[STATISTICS-6] counts them as received when it gets them, and nobody counts those that are dropped',
    scoped(async (scope) => {
      const site = await Site.open(scope);
      const peer = await site.first();
      await send(peer, 'one', 'two');
      await site.next(peer);
      const received = (): object => {
        const { totalMessagesReceived: messages, totalBytesReceived: bytes } = site.manager.getManagerMetrics();
        return { messages, bytes };
      };
      expect(received()).to.deep.equal({ messages: 0, bytes: 0 });
      expect(await take(site.handle.messages(), 1)).to.deep.equal(['one']);
      expect(received()).to.deep.equal({ messages: 1, bytes: 3 });
      unwrap(await site.handle.disconnect());
      expect(received()).to.deep.equal({ messages: 1, bytes: 3 });
    }),
  );
});
