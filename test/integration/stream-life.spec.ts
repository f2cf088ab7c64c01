import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { turns, until, within } from '@entropynet/conformance/tools';
import { type ConnectionConfig, type NetworkConnection, unwrap } from '@entropynet/core';
import { LoopbackConnection, LoopbackServer, LoopbackTransport } from '@entropynet/core/testing';
import { ConnectionManager } from '@entropynet/manager';
import { connectDuplex, toDuplex, toWebStreams } from '@entropynet/streams';
import { expect } from 'chai';
import { freshName } from './manager-support.js';

describe('a stream and the life of its connection', () => {
  let server: LoopbackServer;
  let client: NetworkConnection;
  let manager: ConnectionManager;

  async function accept(): Promise<NetworkConnection> {
    const accepted = unwrap(await server.accept());
    accepted.startReceiving();
    return accepted;
  }

  async function begin(config: Partial<ConnectionConfig> = {}): Promise<void> {
    server = new LoopbackServer({ ...config, endpoint: `loopback://${freshName()}` });
    unwrap(await server.listen());
    client = new LoopbackConnection({ ...config, endpoint: server.address()! });
    unwrap(await client.connect());
  }

  beforeEach(() => {
    manager = new ConnectionManager([new LoopbackTransport()]);
  });

  afterEach(async () => {
    await client.disconnect();
    await manager.closeAll();
    await server.close();
  });

  it('leaves the next connection alone when its own has ended with bytes unread', async () => {
    await begin();
    const accepted = await accept();
    const stream = toDuplex(client);
    const failed = once(stream, 'error');
    for (let index = 0; index < 300; index += 1) unwrap(accepted.trySend(new Uint8Array(2000)));
    await accepted.disconnect();
    await until(() => !client.isConnected(), 'the connection has ended');
    const states: string[] = [];
    client.on('state', (state) => states.push(state));
    unwrap(await client.connect());
    await within(failed, 'the stream failed');
    const next = await accept();
    const received: string[] = [];
    client.setMessageCallback((data) => received.push(Buffer.from(data).toString()));
    unwrap(await next.send(Buffer.from('hello')));
    await until(() => received.length > 0, 'the message came');
    expect(states).to.deep.equal(['connecting', 'connected']);
    expect(received).to.deep.equal(['hello']);
  });

  it('continues, and notices its end, although the program removes all listeners that it can name', async () => {
    await begin({ channelWindow: 65_536 });
    const accepted = await accept();
    const near = toDuplex(client, { highWaterMark: 1 });
    const late = new LoopbackConnection({ endpoint: server.address()! });
    const pending = toDuplex(late);
    const large = Buffer.alloc(1_000_000, 7);
    near.write(large);
    for (const connection of [client, late]) {
      for (const event of ['state', 'channel', 'drain', 'message'] as const) {
        connection.off(event);
        if (event === 'message' || event === 'drain') connection.defaultChannel.off(event);
      }
    }
    near.end();
    expect(Buffer.compare(await within(buffer(toDuplex(accepted)), 'all came'), large)).to.equal(0);
    const connected = once(pending, 'connect');
    unwrap(await late.connect());
    await within(connected, 'the stream of a connection that was connected later is open');
    const failed = once(pending, 'error');
    pending.write(large);
    const other = await accept();
    await other.disconnect();
    await within(failed, 'a write that waits learns of the end');
    await late.disconnect();
  });

  it('reads on a connection that stood before', async () => {
    await begin();
    await accept();
    await client.disconnect();
    const stream = connectDuplex(client);
    toDuplex(await accept()).end('raw');
    expect((await within(buffer(stream), 'the bytes came')).toString()).to.equal('raw');
  });

  it('reads on a handle that stood before', async () => {
    await begin();
    const handle = unwrap(manager.openConnection({ endpoint: server.address()! }));
    await accept();
    for (const text of ['one', 'two', 'three']) {
      const stream = connectDuplex(handle);
      const closed = once(stream, 'close');
      toDuplex(await accept()).end(text);
      expect((await within(buffer(stream), 'the bytes came')).toString()).to.equal(text);
      await closed;
      await until(() => handle.getState() === 'disconnected', 'the handle has disconnected');
    }
  });

  it('reads the messages that arrived before the accept, then closes', async () => {
    await begin();
    const managed = unwrap(manager.createServer({ endpoint: `loopback://${freshName()}` }));
    unwrap(await managed.listen());
    const sender = new LoopbackConnection({ endpoint: managed.addresses()[0]! });
    unwrap(await sender.connect());
    // The bytes of a stream and its end, from a peer that does not wait for the other direction.
    for (const part of [Buffer.from('log line'), new Uint8Array(0), Uint8Array.of(1)]) unwrap(await sender.send(part));
    await sender.disconnect();
    await turns(2);
    const handle = unwrap(await managed.accept());
    expect(handle.getState()).to.equal('disconnected');
    const stream = toDuplex(handle, { ownsConnection: true });
    // Not read by a consumer that destroys the stream at its end.
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part)).on('error', () => undefined);
    await within(once(stream, 'close'), 'the stream closed');
    expect(Buffer.concat(parts).toString()).to.equal('log line');
    expect(handle.valid()).to.equal(false);
  });

  it('closes its channel when it is destroyed before the channel is open', async () => {
    await begin();
    const accepted = await accept();
    const ends: string[] = [];
    accepted.on('channel', (channel) => {
      const far = toDuplex(accepted, { channel }).resume();
      far.on('close', () => ends.push(channel));
    });
    const near = toDuplex(client, { channel: 'short' });
    const closed = once(near, 'close');
    near.destroy();
    await within(closed, 'the stream closed');
    await until(() => ends.length === 1, 'the far stream closed');
    expect(client.channels()).to.deep.equal([]);
    expect(accepted.channels()).to.deep.equal([]);
  });

  for (const [how, error] of [
    ['without an error', undefined],
    ['with an error', new Error('enough')],
  ] as const) {
    it(`closes its channel when it is destroyed ${how} before everything was read`, async () => {
      await begin({ channelWindow: 65_536, maxChannels: 4 });
      const accepted = await accept();
      accepted.on('channel', (channel) => {
        const far = toDuplex(accepted, { channel });
        far.on('error', () => undefined);
        far.write(Buffer.alloc(1_000_000));
      });
      for (let index = 0; index < 12; index += 1) {
        const near = toDuplex(client, { channel: `file ${index}` });
        near.on('error', (failure) => {
          expect(failure).to.equal(error);
        });
        await within(once(near, 'data'), 'some bytes came');
        near.pause();
        const closed = new Promise((resolve) => near.once('close', resolve));
        near.destroy(error);
        await within(closed, 'the stream closed');
        await until(() => client.channels().length === 0, 'the channel is closed');
        await until(() => accepted.channels().length === 0, 'the channel is closed at the other side');
      }
    });
  }

  for (const [what, given, expected] of [
    ['an error whose message is no text', Object.assign(new Error(), { message: 7 }), 'the peer cancelled the stream'],
    ['an error', new Error('the disk is full'), 'the peer cancelled the stream: the disk is full'],
  ] as const) {
    it(`tells the peer when it is destroyed with ${what}`, async () => {
      await begin();
      const far = toDuplex(await accept());
      const failed = once(far, 'error');
      const stream = toDuplex(client);
      stream.on('error', () => undefined);
      stream.destroy(given);
      const [error] = (await within(failed, 'the peer was told')) as [Error];
      expect(error.message).to.equal(`read ECONNRESET: ${expected}`);
    });
  }

  it('hides passwords in its reason for the peer, and limits the reason to one line', async () => {
    await begin();
    const far = toDuplex(await accept());
    const failed = once(far, 'error');
    const stream = toDuplex(client);
    stream.on('error', () => undefined);
    stream.destroy(new Error(`\u001b[2J ws://me:hunter2@host/?token=hunter2 ${'x'.repeat(5000)}`));
    const [error] = (await within(failed, 'the peer was told')) as [Error];
    expect(error.message).to.include('\\u{1b}[2J ws://***@host/?*** xxx').and.not.to.include('hunter2');
    expect(error.message.length).to.be.at.most(1100);
  });

  it('shows the text of a hostile peer as one printable line of limited length', async () => {
    await begin();
    const far = toDuplex(await accept());
    const failed = once(far, 'error');
    unwrap(await client.send(new Uint8Array(0)));
    unwrap(await client.send(Buffer.concat([Uint8Array.of(2), Buffer.from(`\u001b]0;${'y'.repeat(50_000)}`)])));
    const [error] = (await within(failed, 'the peer was told')) as [Error];
    expect(error.message).to.include('\\u{1b}]0;yyy');
    expect(error.message.length).to.be.at.most(1100);
  });

  for (const [what, reason, expected] of [
    ['a reason that can not become text', Object.create(null) as unknown, ": a value that can't be turned into text"],
    ['a symbol', Symbol('s'), ': Symbol(s)'],
  ] as const) {
    for (const how of ['readable', 'writable'] as const) {
      it(`tells the peer of a web stream that is given up, its ${how} with ${what}`, async () => {
        await begin();
        const far = toDuplex(await accept());
        const failed = once(far, 'error');
        const streams = toWebStreams(client);
        if (how === 'readable') await streams.readable.cancel(reason);
        else await streams.writable.abort(reason);
        const [error] = (await within(failed, 'the peer was told')) as [Error];
        expect(error.message).to.equal(`read ECONNRESET: the peer cancelled the stream${expected}`);
      });
    }
  }

  it('tells the peer of a web stream that is cancelled without a reason', async () => {
    await begin();
    const far = toDuplex(await accept());
    const failed = once(far, 'error');
    await toWebStreams(client).readable.cancel();
    const [error] = (await within(failed, 'the peer was told')) as [Error];
    expect(error.message).to.equal('read ECONNRESET: the peer cancelled the stream');
  });
});
