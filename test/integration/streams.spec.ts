import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { turns, until, within } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { StreamError, toDuplex } from '@entropynet/streams';
import { expect } from 'chai';
import { catchUncaught } from '../support/uncaught.js';
import { describeOverTransports } from './transport-bench.js';
import { bytesOf, duplexes, hashOf, MEBIBYTE } from './stream-support.js';

describeOverTransports('streams', (bench) => {
  it('carries bytes both ways at once, whole and in order, and ends each direction by itself', async () => {
    const [near, far] = await duplexes(bench, {}, { allowHalfOpen: true });
    const [there, back] = [randomBytes(8 * MEBIBYTE), randomBytes(3 * MEBIBYTE + 1)];
    near.end(there);
    const received = await within(bytesOf(far), 'the far side read everything');
    expect(hashOf(received)).to.equal(hashOf(there));
    expect(far.writable, 'the other direction is open').to.equal(true);
    far.end(back);
    expect(hashOf(await within(bytesOf(near), 'the near side read everything'))).to.equal(hashOf(back));
    for (const each of [near, far]) if (!each.closed) await once(each, 'close');
  });

  it('cuts writes to the limit of a message', async () => {
    const [near, far] = await duplexes(bench, { maxMessageSize: 1000 });
    const bytes = randomBytes(50_000);
    near.end(bytes);
    expect(hashOf(await within(bytesOf(far), 'everything was read'))).to.equal(hashOf(bytes));
    far.end();
    await finished(near.resume());
  });

  it('holds a writer back without a reader, in limited memory', async () => {
    const [near, far] = await duplexes(bench, { sendTimeoutMs: 50, channelWindow: 65_536 });
    let isHeldBack = false;
    let written = 0;
    const chunk = Buffer.alloc(32_768, 7);
    while (!isHeldBack) {
      expect(written).to.be.lessThan(64 * MEBIBYTE);
      written += chunk.length;
      if (near.write(chunk)) continue;
      const drained = once(near, 'drain').then(() => true);
      isHeldBack = !(await Promise.race([drained, turns(100).then(() => false)]));
    }
    near.end();
    expect((await within(bytesOf(far), 'everything was read')).length).to.equal(written);
    far.end();
    await finished(near.resume());
  });

  for (const length of [10, 100_000]) {
    it(`passes the exception of a data listener to the process, after ${length} bytes`, async () => {
      const [near, far] = await duplexes(bench);
      const caught: string[] = [];
      const undo = catchUncaught((error, origin) => caught.push(`${origin}: ${String(error)}`));
      try {
        far.once('data', () => {
          throw new Error('by the listener');
        });
        near.write(Buffer.alloc(length, 1));
        await until(() => caught.length > 0, 'the process got the exception');
      } finally {
        undo();
      }
      expect(caught).to.deep.equal(['uncaughtException: Error: by the listener']);
      near.end(Buffer.from('afterwards'));
      expect((await within(bytesOf(far), 'the stream goes on')).toString()).to.match(/afterwards$/);
      far.end();
      await finished(near.resume());
    });
  }

  it('reports a cancelled stream and its reason to the other side', async () => {
    const [near, far] = await duplexes(bench);
    near.on('error', () => undefined);
    near.write('beginning');
    const failed = once(far.resume(), 'error');
    near.destroy(new Error('the disk is full'));
    const [error] = (await within(failed, 'the far side failed')) as [StreamError];
    expect(error).to.be.instanceOf(StreamError);
    expect([error.code, error.networkCode]).to.deep.equal(['ECONNRESET', 'Aborted']);
    expect(error.cause.message).to.equal('the peer cancelled the stream: the disk is full');
  });

  it('reports it after everything that was written, however long the peer reads nothing', async () => {
    const channel = 'held up';
    const [client, accepted] = await bench.connect({ channelWindow: 65_536, sendTimeoutMs: 20 });
    const near = toDuplex(client, { channel });
    near.on('error', () => undefined);
    let written = 0;
    for (let quiet = 0; quiet < 20;) {
      // Bytes wait in the stream itself, because the peer has no more room.
      if (near.writableLength > 0) quiet += 1;
      else {
        [quiet, written] = [0, written + 1];
        near.write('x');
      }
      await turns(1);
    }
    near.destroy(new Error('the disk is full'));
    // Longer than the time limit of a send, in turns of the peer: nobody has taken a message yet.
    const waited = accepted.channel('another');
    for (let rounds = 0; rounds < 3; rounds += 1) {
      unwrap(await waited.open());
      const late = await client.channel(channel).send(new Uint8Array(100_000));
      expect(late.ok).to.equal(false);
    }
    let read = 0;
    const far = toDuplex(accepted, { channel });
    far.on('data', (part: Buffer) => (read += part.length));
    const [error] = (await within(once(far, 'error'), 'the far side failed')) as [StreamError];
    expect([error.networkCode, error.cause.message]).to.deep.equal([
      'Aborted',
      'the peer cancelled the stream: the disk is full',
    ]);
    expect(read, 'all but what waited in the stream').to.equal(written - 1);
    expect(client.isConnected()).to.equal(true);
  });

  it('fails if the connection ends before the stream', async () => {
    const [client, accepted] = await bench.connect();
    const near = toDuplex(client);
    const failed = once(near.resume(), 'error');
    await accepted.disconnect();
    const [error] = (await within(failed, 'the stream failed')) as [StreamError];
    expect([error.code, error.networkCode]).to.deep.equal(['ECONNRESET', 'ConnectionClosed']);
    expect(near.destroyed).to.equal(true);
  });

  it('fails if the peer does not send a stream', async () => {
    const [client, accepted] = await bench.connect();
    const near = toDuplex(client, { endsConnection: false });
    const failed = once(near.resume(), 'error');
    unwrap(await accepted.send(new Uint8Array(0)));
    unwrap(await accepted.send(Uint8Array.of(9, 9)));
    const [error] = (await within(failed, 'the stream failed')) as [StreamError];
    expect([error.code, error.networkCode]).to.deep.equal(['EPROTO', 'InvalidMessage']);
    expect(error.message).to.contain('2 bytes that begin with 9');
    expect(client.isConnected()).to.equal(true);
  });

  it('carries several streams over one connection, each on a channel, one after the other too', async () => {
    const [client, accepted] = await bench.connect();
    for (const round of [1, 2]) {
      const names = ['first', 'second', 'third'];
      const texts = await within(
        Promise.all(
          names.map(async (channel) => {
            const [near, far] = [toDuplex(client, { channel }), toDuplex(accepted, { channel })];
            far.end();
            near.end(channel.repeat(round * 10_000));
            const closed = [once(near, 'close'), once(far, 'close')];
            const read = await bytesOf(far);
            near.resume();
            await Promise.all(closed);
            return read.toString();
          }),
        ),
        'all streams were read',
      );
      expect(texts).to.deep.equal(names.map((name) => name.repeat(round * 10_000)));
    }
    expect(client.isConnected()).to.equal(true);
  });

  it('time out, like sockets, while no bytes arrive', async () => {
    const [near, far] = await duplexes(bench);
    let count = 0;
    near.setTimeout(20, () => (count += 1));
    await until(() => count === 1, 'the timeout was reported');
    near.setTimeout(0);
    near.end();
    far.end();
    await Promise.all([finished(near.resume()), finished(far.resume())]);
  });
});
