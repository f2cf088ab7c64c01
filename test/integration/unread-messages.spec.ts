import { once } from 'node:events';
import { expect } from 'chai';
import { type Scope, scoped, until } from '@entropynet/conformance/tools';
import { type ConnectionConfig, type NetworkError, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { type ConnectionHandle, ConnectionManager, type ManagedServer } from '@entropynet/manager';
import { toDuplex } from '@entropynet/streams';
import { freshName } from './manager-support.js';

const WINDOW = 64 * 1024;
const textOf = (data: Uint8Array): string => Buffer.from(data).toString();

/** A handle that reconnects automatically, and the other ends of its connections. */
class Site {
  readonly handle: ConnectionHandle;
  readonly server: ManagedServer;
  readonly errors: NetworkError[] = [];

  private constructor(handle: ConnectionHandle, server: ManagedServer) {
    this.handle = handle;
    this.server = server;
    handle.on('error', (error) => this.errors.push(error));
  }

  static async open(scope: Scope): Promise<Site> {
    const manager = new ConnectionManager([new LoopbackTransport()], { log: () => undefined });
    scope.defer(async () => {
      await manager.closeAll();
      manager.release();
    });
    const config: ConnectionConfig = {
      endpoint: freshName(),
      channelWindow: WINDOW,
      maxChannels: 2,
      reconnect: { initialDelayMs: 1, maxDelayMs: 1 },
    };
    const server = unwrap(manager.createServer(config));
    unwrap(await server.listen());
    return new Site(unwrap(manager.openConnection(config)), server);
  }

  /** Connects for the first time, and returns the other end. */
  async first(): Promise<ConnectionHandle> {
    const accepting = this.server.accept();
    unwrap(await this.handle.connect());
    return unwrap(await accepting);
  }

  /** The other end leaves; gives the other end of the next connection once the handle has it. */
  async next(peer: ConnectionHandle): Promise<ConnectionHandle> {
    const { generation } = this.handle.getReconnection();
    const accepting = this.server.accept();
    unwrap(await peer.close());
    const accepted = unwrap(await accepting);
    await until(() => this.handle.getReconnection().generation === generation + 1, 'connected again');
    return accepted;
  }
}

async function send(peer: ConnectionHandle, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) unwrap(await peer.send(Buffer.from(text)));
}

async function take(messages: AsyncIterator<Uint8Array>, count: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const next = await messages.next();
    if (next.done === true) break;
    taken.push(textOf(next.value));
  }
  return taken;
}

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
