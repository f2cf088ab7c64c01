import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { until, within } from '@entropynet/conformance/tools';
import { type NetworkConnection, unwrap } from '@entropynet/core';
import { LoopbackConnection, LoopbackServer } from '@entropynet/core/testing';
import { connectDuplex, type ConnectionDuplex, toDuplex } from '@entropynet/streams';
import { catchUncaught } from '@entropynet/test/support/uncaught';
import { expect } from 'chai';

/** More than a connection takes while the peer reads nothing. */
const LONG = Buffer.alloc(8 * 1024 * 1024, 1);

describe('an exception of a function that a stream calls', () => {
  const server = new LoopbackServer({ endpoint: randomUUID() });
  const caught: string[] = [];
  let client: NetworkConnection;
  let undo: () => void;

  before(async () => {
    unwrap(await server.listen());
  });

  after(() => server.close());

  beforeEach(() => {
    client = new LoopbackConnection({ endpoint: server.address()!, sendTimeoutMs: 50 });
    caught.length = 0;
    undo = catchUncaught((error, origin) => caught.push(`${origin}: ${String(error)}`));
  });

  afterEach(async () => {
    undo();
    await client.disconnect();
  });

  const fail = (): never => {
    throw new Error('by the program');
  };

  /** A stream whose connection may end before it does, at the end of the test. */
  function observed(stream: ConnectionDuplex): ConnectionDuplex {
    return stream.on('error', () => undefined);
  }

  async function connected(): Promise<[near: ConnectionDuplex, far: ConnectionDuplex]> {
    unwrap(await client.connect());
    return [observed(toDuplex(client)), observed(toDuplex(unwrap(await server.accept())))];
  }

  async function untilCaught(): Promise<void> {
    await until(() => caught.length > 0, 'the process got the exception');
    expect(caught).to.deep.equal(['uncaughtException: Error: by the program']);
  }

  it('that listens to `connect` reaches the process', async () => {
    const near = observed(connectDuplex(client)).once('connect', fail);
    await untilCaught();
    const far = observed(toDuplex(unwrap(await server.accept())));
    near.end('afterwards');
    const [data] = (await within(once(far, 'data'), 'the stream goes on')) as [Buffer];
    expect(data.toString()).to.equal('afterwards');
  });

  it('that a write calls when the peer reads again reaches the process', async () => {
    const [near, far] = await connected();
    near.write(LONG, fail);
    let length = 0;
    far.on('data', (data: Buffer) => (length += data.length));
    await untilCaught();
    near.write('afterwards');
    await until(() => length === LONG.length + 10, 'the stream goes on');
  });

  it('that listens to `readable` at the end reaches the process', async () => {
    const [near, far] = await connected();
    const ended = once(far, 'end');
    far.on('readable', () => {
      if (far.read() === null) fail();
    });
    near.end('data');
    await untilCaught();
    await within(ended, 'the stream ended');
  });

  for (const [when, error] of [
    ['without an error', undefined],
    ['with an error', new Error('enough')],
  ] as const) {
    it(`that a waiting write calls when the stream is destroyed ${when} reaches the process, and the connection ends`, async () => {
      const [near] = await connected();
      near.on('error', (thrown) => {
        expect(thrown).to.equal(error);
      });
      near.write(LONG, fail);
      const closed = new Promise((resolve) => near.once('close', resolve));
      near.destroy(error);
      await untilCaught();
      await within(closed, 'the stream closed');
      await until(() => !client.isConnected(), 'the connection has ended');
    });
  }
});
