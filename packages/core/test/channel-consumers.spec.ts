import { turns, until } from '@entropynet/conformance/tools';
import { type NetworkConnection, type NetworkError, unwrap } from '@entropynet/core';
import { LoopbackConnection, LoopbackServer } from '@entropynet/core/testing';
import { expect } from 'chai';
import { randomUUID } from 'node:crypto';

describe('the consumers of a channel', () => {
  let server: LoopbackServer;
  let client: NetworkConnection;
  let accepted: NetworkConnection;

  beforeEach(async () => {
    server = new LoopbackServer({ endpoint: randomUUID() });
    unwrap(await server.listen());
    client = new LoopbackConnection({ endpoint: server.address()! });
    unwrap(await client.connect());
    accepted = unwrap(await server.accept());
    accepted.startReceiving();
  });

  afterEach(async () => {
    await client.disconnect();
    await server.close();
  });

  it('keep the waiting messages of a channel while the next channel of its name opens', async () => {
    unwrap(await client.openChannel('x'));
    await until(() => accepted.isChannelOpen('x'), 'the channel is open');
    const old = accepted.channel('x');
    for (const text of ['one', 'two']) unwrap(client.trySendOnChannel('x', Buffer.from(text)));
    const fromNext: string[] = [];
    const reopened = new Promise<void>((resolve) => {
      old.once('closed', () => {
        // The peer has not acknowledged the end of the old channel yet.
        const next = accepted.channel('x');
        next.setMessageCallback((data) => fromNext.push(Buffer.from(data).toString()));
        void next.open().then(() => {
          resolve();
        });
      });
    });
    unwrap(await client.closeChannel('x'));
    await reopened;
    const fromOld: string[] = [];
    for await (const data of old.messages()) fromOld.push(Buffer.from(data).toString());
    unwrap(await client.channel('x').open());
    unwrap(client.trySendOnChannel('x', Buffer.from('three')));
    await until(() => fromNext.length > 0, 'the next channel has a message');
    expect(fromOld).to.deep.equal(['one', 'two']);
    expect(fromNext).to.deep.equal(['three']);
  });

  it('have an ownership that they can have: a consumer reads nothing in place', () => {
    const take = (ownership: string) => (): unknown =>
      client.defaultChannel.take({ onMessage: () => undefined }, { name: 'a test', ownership: ownership as never });
    const allowed = /^ownership is one of 'copy', 'borrow'; 'in-place' was given$/;
    expect(take('in-place')).to.throw(TypeError, allowed);
    expect(take('mine')).to.throw(TypeError, "'copy', 'borrow'; 'mine' was given");
    expect(take('borrow')()).to.have.property('isHeld', true);
  });

  it('cause an error event if they reject when the connection ends', async () => {
    const errors: NetworkError[] = [];
    client.on('error', (error) => errors.push(error));
    const reason = new Error('the consumer is broken');
    client.defaultChannel.take({ onMessage: () => undefined, onEnd: () => Promise.reject(reason) }, { name: 'a test' });
    await accepted.disconnect();
    await until(() => errors.length > 0, 'the error came');
    await turns(2);
    expect(errors.map(({ code, cause }) => ({ code, cause }))).to.deep.equal([
      { code: 'CallbackFailed', cause: reason },
    ]);
  });
});
