import { expect } from 'chai';
import { unwrap } from '@entropynet/core';
import type { ManagedServer } from '@entropynet/manager';
import { freshName, makeManager } from './manager-support.js';

describe('the callbacks of a handle', () => {
  const { manager } = makeManager();

  afterEach(async () => {
    await manager.closeAll();
  });

  after(() => {
    manager.release();
  });

  async function listen(endpoint: string): Promise<ManagedServer> {
    const server = unwrap(manager.createServer({ endpoint }));
    unwrap(await server.listen());
    return server;
  }

  it('are checked at once, like listeners, before there is a connection', async () => {
    const endpoint = freshName();
    await listen(endpoint);
    const handle = unwrap(manager.openConnection({ endpoint }));
    const wrong = 5 as unknown as () => void;
    expect(() => {
      handle.setMessageCallback(wrong);
    }).to.throw(TypeError, 'number');
    expect(() => {
      handle.setStateCallback(wrong);
    }).to.throw(TypeError, 'number');
    expect(() => {
      handle.setChannelMessageCallback('side', wrong);
    }).to.throw(TypeError, 'number');
    expect(() => {
      handle.setChannelMessageCallback('', null);
    }).to.throw(RangeError, '1 to 255 bytes');
    expect(() => handle.on('drain', wrong)).to.throw(TypeError, 'number');
    unwrap(await handle.connect());
  });

  it('reports exceptions and rejections of a state callback to the error listeners', async () => {
    const endpoint = freshName();
    await listen(endpoint);
    const handle = unwrap(manager.openConnection({ endpoint }));
    const errors: unknown[] = [];
    handle.on('error', (error) => {
      errors.push([error.code, (error.cause as Error).message]);
    });
    handle.setStateCallback((state) => {
      if (state === 'connecting') throw new Error('first');
    });
    handle.on('state', (state) => {
      if (state === 'connected') throw new Error('second');
    });
    unwrap(await handle.connect());
    handle.setStateCallback(() => Promise.reject(new Error('third')));
    unwrap(await handle.disconnect());
    const rejected = ['CallbackFailed', 'third'];
    expect(errors).to.deep.equal([['CallbackFailed', 'first'], ['CallbackFailed', 'second'], rejected, rejected]);
  });

  it('calls a once() listener once, also if it reconnects', async () => {
    const endpoint = freshName();
    const server = await listen(endpoint);
    const handle = unwrap(manager.openConnection({ endpoint }));
    const opened: string[] = [];
    const dropped: string[] = [];
    const drop = (name: string): void => {
      dropped.push(name);
    };
    handle.once('channel', (name) => opened.push(name)).once('channel', drop);
    for (const name of ['one', 'two']) {
      unwrap(await handle.connect());
      handle.off('channel', drop);
      const accepted = unwrap(await server.accept());
      unwrap(await accepted.openChannel(name));
      const arrived = new Promise((resolve) => {
        handle.once('message', resolve);
      });
      unwrap(await accepted.send(Uint8Array.of(1)));
      await arrived;
      unwrap(await handle.disconnect());
    }
    expect(opened).to.deep.equal(['one']);
    expect(dropped).to.deep.equal([]);
  });
});
