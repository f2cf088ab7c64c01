import { once } from 'node:events';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Duplex } from 'node:stream';
import { turns, until, within } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { connectDuplex, type StreamError, toDuplex } from '@entropynet/streams';
import { expect } from 'chai';
import { freshName } from './manager-support.js';
import { describeOverTransports } from './transport-bench.js';
import { bytesOf } from './stream-support.js';

/** The members that a socket and a stream have in common. */
type SocketLike = Duplex & {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly readyState: string;
  destroySoon(): void;
  setTimeout(milliseconds: number, callback?: () => void): unknown;
};

/** Two connected streams. */
type Pair = readonly [near: SocketLike, far: SocketLike];

/** The events of a stream, in order, without those that depend on timing. */
function record(stream: Duplex): string[] {
  const events: string[] = [];
  for (const event of ['end', 'finish', 'close'] as const) stream.on(event, () => events.push(event));
  stream.on('error', (error: NodeJS.ErrnoException) => events.push(`error ${error.code ?? ''}`));
  return events;
}

/** Uses two streams. Its result must equal its result with the two ends of a socket. */
const SCENARIOS: Readonly<Record<string, (pair: Pair) => Promise<unknown>>> = {
  'an end of the peer closes both sides': async ([near, far]) => {
    const [nearEvents, farEvents] = [record(near), record(far)];
    near.end('last words');
    const text = await bytesOf(far);
    near.resume();
    await until(() => nearEvents.includes('close') && farEvents.includes('close'), 'both are closed');
    return [text.toString(), nearEvents.sort(), farEvents.sort()];
  },
  'a stream that is destroyed without an error ends after what was written': async ([near, far]) => {
    const events = record(far);
    near.write('hello');
    near.destroy();
    const text = await bytesOf(far);
    await until(() => events.includes('close'), 'the far side is closed');
    return [text.toString(), events.sort()];
  },
  'a burst of short writes before a stream is destroyed arrives': async ([near, far]) => {
    for (let index = 0; index < 100; index += 1) near.write(`line ${index}\n`);
    near.destroy();
    return (await bytesOf(far)).toString();
  },
  'every write of a destroyed stream is called back': async ([near]) => {
    near.on('error', () => undefined);
    let called = 0;
    for (let index = 0; index < 200; index += 1) near.write(Buffer.alloc(32_768), () => (called += 1));
    near.destroy();
    await until(() => called === 200, 'each callback came');
    return called;
  },
  'a writer whose peer was destroyed fails by a code that libraries know': async ([near, far]) => {
    const events = record(near);
    far.destroy();
    near.on('end', () => undefined);
    await until(() => {
      if (!near.destroyed) near.write('is anybody there?');
      return near.destroyed;
    }, 'the writer failed or ended');
    await until(() => events.includes('close'), 'the near side is closed');
    const failure = events.find((event) => event.startsWith('error'));
    return (
      failure === undefined || ['error EPIPE', 'error ECONNRESET', 'error ERR_STREAM_WRITE_AFTER_END'].includes(failure)
    );
  },
  'small writes of one turn arrive whole and in order': async ([near, far]) => {
    const texts = Array.from({ length: 3000 }, (_each, index) => `line ${index}\n`);
    for (const text of texts) near.write(text);
    near.end();
    return (await buffer(far)).toString() === texts.join('');
  },
  'a timeout that no timer holds does not fire': async ([near]) => {
    let count = 0;
    near.setTimeout(2 ** 31, () => (count += 1));
    await turns(20);
    return count;
  },
  'a timeout that is no number is refused': async ([near]) => {
    const code = (value: unknown): unknown => {
      try {
        near.setTimeout(value as number);
        return 'taken';
      } catch (error) {
        return (error as NodeJS.ErrnoException).code;
      }
    };
    return [code(-1), code(Number.NaN)];
  },
  'a stream that is ended and destroyed soon delivers everything': async ([near, far]) => {
    near.write(Buffer.alloc(300_000, 1));
    near.destroySoon();
    return (await buffer(far)).length;
  },
  'counts of bytes are those of both directions': async ([near, far]) => {
    near.write('four');
    far.write('sixsix');
    await Promise.all([once(near, 'data'), once(far, 'data')]);
    const { bytesRead, bytesWritten } = near;
    return [bytesRead, bytesWritten, near.readyState];
  },
};

async function socketPair(): Promise<{ pair: Pair; close: () => Promise<void> }> {
  const server = net.createServer();
  const path = join(tmpdir(), `entropynet-${freshName()}.sock`);
  server.listen(path);
  await once(server, 'listening');
  const near = net.connect(path);
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [[net.Socket], unknown];
  const close = async (): Promise<void> => {
    near.destroy();
    far.destroy();
    server.close();
    await once(server, 'close');
  };
  return { pair: [near, far], close };
}

describeOverTransports('streams in place of sockets', (bench) => {
  for (const [title, scenario] of Object.entries(SCENARIOS)) {
    it(`as over a socket, ${title}`, async () => {
      const socket = await socketPair();
      const expected = await within(scenario(socket.pair), 'the scenario over a socket');
      await socket.close();
      const [client, accepted] = await bench.connect();
      const [near, far] = [toDuplex(client), toDuplex(accepted)];
      expect(await within(scenario([near, far]), 'the scenario over a stream')).to.deep.equal(expected);
      for (const stream of [near, far]) stream.on('error', () => undefined).destroy();
    });
  }

  it('put the short writes of one turn together', async () => {
    const [client, accepted] = await bench.connect();
    const [near, far] = [toDuplex(client), toDuplex(accepted)];
    const closed = Promise.all([once(near.resume(), 'close'), once(far, 'close')]);
    const texts = Array.from({ length: 3000 }, (_each, index) => `line ${index}\n`);
    for (const text of texts) near.write(text);
    near.end();
    expect((await bytesOf(far)).toString()).to.equal(texts.join(''));
    await closed;
    // The first write, the rest in one message, and the end.
    expect(client.getStats().messagesSent).to.be.lessThan(25);
  });

  it('connect automatically, and report their state', async () => {
    const { config, accept } = await bench.serve();
    const accepting = accept();
    const events: string[] = [];
    const near = connectDuplex(bench.open(config));
    for (const event of ['connect', 'ready'] as const) near.on(event, () => events.push(event));
    expect([near.connecting, near.pending, near.readyState]).to.deep.equal([true, true, 'opening']);
    near.write('written before it was connected');
    const far = toDuplex(await accepting);
    const [chunk] = (await within(once(far, 'data'), 'the write arrived')) as [Buffer];
    expect(chunk.toString()).to.equal('written before it was connected');
    expect(events).to.deep.equal(['connect', 'ready']);
    expect([near.connecting, near.pending, near.readyState]).to.deep.equal([false, false, 'open']);
    for (const stream of [near, far]) stream.on('error', () => undefined).destroy();
  });

  it("have the peer's address while they are open", async () => {
    const [client] = await bench.connect();
    const near = toDuplex(client);
    await until(() => near.readyState === 'open' && !near.pending, 'the stream is open');
    const remote = (): unknown[] => [near.remoteAddress, near.remoteFamily, typeof near.remotePort];
    const nowhere = [undefined, undefined, 'undefined'];
    expect(remote()).to.deep.equal(bench.backend === 'websocket' ? ['127.0.0.1', 'IPv4', 'number'] : nowhere);
    near.destroy();
    expect(remote()).to.deep.equal(nowhere);
  });

  it('fail with ECONNREFUSED if no server listens', async () => {
    const endpoint = bench.backend === 'websocket' ? 'ws://127.0.0.1:1/nobody' : bench.freshEndpoint();
    const near = connectDuplex(bench.open({ endpoint }));
    const write = new Promise<Error | null | undefined>((resolve) => near.write('lost', resolve));
    const [error] = (await within(once(near, 'error'), 'the stream failed')) as [StreamError];
    expect([error.code, error.syscall]).to.deep.equal(['ECONNREFUSED', 'connect']);
    expect(error.cause.code).to.equal(error.networkCode);
    expect(await write).to.have.property('code', 'ERR_STREAM_DESTROYED');
  });

  it('end with their connection, also if the handle reconnects', async () => {
    const [client] = await bench.connect();
    const near = toDuplex(client);
    near.on('error', () => undefined);
    unwrap(await client.disconnect());
    unwrap(await client.connect());
    const failed = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
      near.write('to the old connection alone', resolve);
    });
    expect(failed?.code).to.be.a('string');
    expect(client.getStats().messagesSent).to.equal(0);
  });

  it('release a channel: a thousand streams, one after the other', async () => {
    const [client, accepted] = await bench.connect();
    for (let index = 0; index < 1000; index += 1) {
      const channel = `stream ${index}`;
      const [near, far] = [toDuplex(client, { channel }), toDuplex(accepted, { channel })];
      const closed = [once(near, 'close'), once(far, 'close')];
      near.end('x');
      near.resume();
      expect((await buffer(far)).toString()).to.equal('x');
      await Promise.all(closed);
    }
    await until(() => client.channels().length === 0, 'no channel is open');
  });
});
