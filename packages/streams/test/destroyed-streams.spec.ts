import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { turns, within } from '@entropynet/conformance/tools';
import { type ConnectionConfig, type NetworkConnection, unwrap } from '@entropynet/core';
import { LoopbackConnection, LoopbackServer } from '@entropynet/core/testing';
import { type ConnectionDuplex, toDuplex } from '@entropynet/streams';
import { expect } from 'chai';

const CHANNEL = 'file';

/** Longer than any test waits. */
const NEVER_MS = 120_000;

describe('a stream that is destroyed', () => {
  let server: LoopbackServer;
  let client: NetworkConnection;

  beforeEach(async () => {
    const config: Partial<ConnectionConfig> = { channelWindow: 65_536, sendTimeoutMs: NEVER_MS };
    server = new LoopbackServer({ ...config, endpoint: randomUUID() });
    unwrap(await server.listen());
    client = new LoopbackConnection({ ...config, endpoint: server.address()! });
  });

  afterEach(async () => {
    await client.disconnect();
    await server.close();
  });

  /** A stream on the named channel that is open. */
  async function open(connection: NetworkConnection): Promise<ConnectionDuplex> {
    const stream = toDuplex(connection, { channel: CHANNEL });
    stream.on('error', () => undefined);
    await within(once(stream, 'connect'), 'the stream is open');
    return stream;
  }

  for (const [who, arrange] of [
    [
      'its reader',
      (near: ConnectionDuplex) => {
        near.once('data', () => near.destroy());
      },
    ],
    [
      'another callback',
      (near: ConnectionDuplex) => {
        near.on('data', () => undefined);
        client.setMessageCallback(() => void near.destroy());
      },
    ],
  ] as const) {
    it(`by ${who} before it has passed on all bytes still returns the window, and closes`, async () => {
      unwrap(await client.connect());
      const accepted = unwrap(await server.accept());
      accepted.startReceiving();
      const near = await open(client);
      const far = await open(accepted);
      arrange(near);
      const closed = [near, far].map((stream) => new Promise((resolve) => stream.once('close', resolve)));
      // All in one turn, so that it arrives together: bytes that are joined, then more than the window.
      unwrap(accepted.channel(CHANNEL).trySend(new Uint8Array(10)));
      unwrap(accepted.trySend(Uint8Array.of(1)));
      for (let count = 0; count < 20; count += 1) far.write(Buffer.alloc(60_000));
      far.end();
      await within(Promise.all(closed), 'both streams closed');
      unwrap(await within(client.openChannel(CHANNEL), 'the channel is open again'));
    });
  }

  it('by the callback of a write that waited for the opening emits neither `connect` nor `ready`', async () => {
    const stream = toDuplex(client);
    const events: string[] = [];
    for (const event of ['connect', 'ready', 'close', 'error']) stream.on(event, () => events.push(event));
    stream.write('x', () => {
      events.push('written');
      stream.destroy();
    });
    const closed = once(stream, 'close');
    stream.connect();
    await within(closed, 'the stream closed');
    await turns(2);
    expect(events).to.deep.equal(['written', 'close']);
  });
});
