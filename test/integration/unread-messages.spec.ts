import { once } from 'node:events';
import { expect } from 'chai';
import { scoped, until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { toDuplex } from '@entropynet/streams';
import { send, Site, take, textOf, WINDOW } from './unread-support.js';

describe('messages that were unread when a handle reconnected', () => {
  const LONG = 'l'.repeat(WINDOW / 2 + 100);

  it(
    '[HANDLE-6] arrive first at a callback that is set later, complete and in order',
    scoped(async (scope) => {
      const site = await Site.open(scope);
      const peer = await site.first();
      await send(peer, '1', LONG, '2');
      const second = await site.next(peer);
      await send(second, '3');
      const third = await site.next(second);
      await send(third, '4');
      const got: string[] = [];
      site.handle.setMessageCallback((data) => got.push(textOf(data)));
      await until(() => got.length === 5, 'all arrived');
      await send(third, '5');
      await until(() => got.length === 6, 'and the next one');
      expect(got).to.deep.equal(['1', LONG, '2', '3', '4', '5']);
      expect(site.errors).to.deep.equal([]);
    }),
  );

  it(
    '[HANDLE-6] arrive first at a loop that begins later, at a callback that follows it, and at an in-place callback',
    scoped(async (scope) => {
      const site = await Site.open(scope);
      const peer = await site.first();
      await send(peer, '1', '2', '3', '4', '5');
      const second = await site.next(peer);
      await send(second, '6', '7');
      const loop = site.handle.messages();
      const got = await take(loop, 2);
      await loop.return?.();
      const { handle } = site;
      handle.setMessageCallback((data) => {
        got.push(textOf(data));
        handle.setMessageCallback((bytes, start, end) => got.push(textOf(bytes.subarray(start, end))), {
          ownership: 'in-place',
        });
      });
      await until(() => got.length === 7, 'all arrived');
      expect(got).to.deep.equal(['1', '2', '3', '4', '5', '6', '7']);
    }),
  );

  it(
    '[HANDLE-6] wait on a channel that only the peer had named',
    scoped(async (scope) => {
      const site = await Site.open(scope);
      const peer = await site.first();
      unwrap(await peer.openChannel('news'));
      unwrap(await peer.sendOnChannel('news', Buffer.from('1')));
      const second = await site.next(peer);
      unwrap(await second.openChannel('news'));
      unwrap(await second.sendOnChannel('news', Buffer.from('2')));
      expect(await take(site.handle.messages({ channel: 'news' }), 2)).to.deep.equal(['1', '2']);
    }),
  );

  it(
    '[CHANNEL-7] wait on a channel that the handle had opened by its name, and that the peer has closed',
    scoped(async (scope) => {
      const site = await Site.open(scope);
      const peer = await site.first();
      unwrap(await site.handle.openChannel('news'));
      await until(() => peer.isChannelOpen('news'), 'the peer has the channel');
      unwrap(await peer.sendOnChannel('news', Buffer.from('1')));
      expect(site.handle.channels().map(({ name }) => name)).to.deep.equal(['news']);
      unwrap(await peer.closeChannel('news'));
      await until(() => !site.handle.isChannelOpen('news'), 'this side knows the close');
      expect(await take(site.handle.messages({ channel: 'news' }), 1)).to.deep.equal(['1']);
    }),
  );

  it(
    '[HANDLE-6] stay with a running loop, also between two of its steps',
    scoped(async (scope) => {
      const site = await Site.open(scope);
      const peer = await site.first();
      await send(peer, '1', '2', '3');
      const old = site.handle.messages();
      expect(await take(old, 1)).to.deep.equal(['1']);
      const second = await site.next(peer);
      await send(second, '4');
      expect(await take(site.handle.messages(), 1)).to.deep.equal(['4']);
      expect(await take(old, 3)).to.deep.equal(['2', '3']);
    }),
  );

  it(
    '[HANDLE-6] are never part of a stream over the next connection',
    scoped(async (scope) => {
      const site = await Site.open(scope);
      const peer = await site.first();
      await send(peer, 'old');
      const second = await site.next(peer);
      const far = toDuplex(second);
      const near = toDuplex(site.handle);
      const closed = once(far, 'close');
      far.resume().end('new');
      const chunks: Buffer[] = [];
      for await (const chunk of near) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).toString()).to.equal('new');
      await closed;
    }),
  );

  it(
    '[HANDLE-6] are limited by channelWindow on a channel: dropping is an error, and the oldest stay',
    scoped(async (scope) => {
      const site = await Site.open(scope);
      let peer = await site.first();
      const half = WINDOW / 2 + 100;
      const texts = ['a', 'b'].map((letter) => letter.repeat(half));
      for (const text of texts) {
        await send(peer, text);
        peer = await site.next(peer);
      }
      await send(peer, 'c');
      expect(site.errors.map(({ code, message }) => `${code}: ${message}`)).to.deep.equal([
        'ResourceLimitExceeded: 1 messages of an earlier connection were dropped unread on the default channel: ' +
          `more than ${WINDOW} bytes (channelWindow) wait there for a reader`,
      ]);
      expect(await take(site.handle.messages(), 2)).to.deep.equal([texts[0], 'c']);
    }),
  );

  it(
    '[HANDLE-6] count alone towards that limit, without the messages that were read before them',
    scoped(async (scope) => {
      const site = await Site.open(scope);
      const first = await site.first();
      const old = 'o'.repeat(WINDOW / 2);
      await send(first, old);
      const peer = await site.next(first);
      const read: string[] = [];
      // Such a consumer gets no messages of earlier connections.
      const onMessage = (data: Uint8Array): number => read.push(textOf(data));
      const lease = site.handle.defaultChannel.take({ onMessage }, { name: 'a test' });
      // Less than half a window, so no window update follows.
      await send(peer, 'r'.repeat(WINDOW / 2 - 100));
      await until(() => read.length === 1, 'the message was read');
      lease.release();
      await send(peer, 'new');
      await site.next(peer);
      expect(site.errors).to.deep.equal([]);
      expect(await take(site.handle.messages(), 2)).to.deep.equal([old, 'new']);
    }),
  );

  it(
    '[HANDLE-6] have a limited number: empty messages count as what they cost of a window',
    scoped(async (scope) => {
      const site = await Site.open(scope);
      const frameCost = 64;
      const count = WINDOW / frameCost;
      let peer = await site.first();
      for (let round = 1; round <= 3; round += 1) {
        const texts = Array.from({ length: count }, () => '');
        await send(peer, ...texts);
        peer = await site.next(peer);
      }
      await send(peer, 'last');
      expect(site.errors.map(({ code }) => code)).to.deep.equal(['ResourceLimitExceeded', 'ResourceLimitExceeded']);
      const taken = await take(site.handle.messages(), count + 1);
      expect(taken.filter((text) => text === '')).to.have.lengthOf(count);
      expect(taken.at(-1)).to.equal('last');
    }),
  );

  it(
    '[HANDLE-6] are limited by maxChannels over all channels',
    scoped(async (scope) => {
      const site = await Site.open(scope);
      let peer = await site.first();
      for (const names of [
        ['a', 'b'],
        ['c', 'a'],
      ]) {
        for (const name of names) {
          unwrap(await peer.openChannel(name));
          unwrap(await peer.sendOnChannel(name, Buffer.from(name)));
        }
        peer = await site.next(peer);
      }
      expect(site.errors.map(({ code }) => code)).to.deep.equal(['ResourceLimitExceeded']);
      expect(site.errors[0]?.message).to.include('1 channels of an earlier connection');
      expect(await take(site.handle.messages({ channel: 'a' }), 2)).to.deep.equal(['a', 'a']);
    }),
  );

  it(
    '[HANDLE-6] are dropped if this side disconnects',
    scoped(async (scope) => {
      const site = await Site.open(scope);
      const peer = await site.first();
      await send(peer, 'old');
      await site.next(peer);
      unwrap(await site.handle.disconnect());
      const second = await site.first();
      await send(second, 'new');
      expect(await take(site.handle.messages(), 1)).to.deep.equal(['new']);
    }),
  );
});
