import { until, within } from '@entropynet/conformance/tools';
import { expect } from 'chai';
import { type Result, unwrap } from '@entropynet/core';
import type { ManagedServer } from '@entropynet/manager';
import { codeOf, freshName, makeManager } from './manager-support.js';

describe('the callbacks of a handle', () => {
  const { manager, pigeon } = makeManager();

  afterEach(async () => {
    pigeon.unavailable = undefined;
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

  it('end each consumer that waits, also if the end of one begins an attempt that is aborted', async () => {
    const endpoint = `pigeon://${freshName()}`;
    await listen(endpoint);
    const handle = unwrap(manager.openConnection({ endpoint }));
    const ended: string[] = [];
    const consumerOf = (name: string, then: () => void): { onMessage(): void; onEnd(): void } => ({
      onMessage: () => undefined,
      onEnd: () => {
        ended.push(name);
        then();
      },
    });
    const stop = new AbortController();
    const connectAgain = (): void => {
      void handle.connect({ signal: stop.signal });
      stop.abort();
    };
    handle.defaultChannel.take(consumerOf('first', connectAgain), { name: 'first' });
    handle.channel('named').take(
      consumerOf('second', () => undefined),
      { name: 'second' },
    );
    await Promise.all([handle.connect(), handle.disconnect()]);
    await until(() => ended.length === 2, 'both consumers got the end');
    expect(ended).to.deep.equal(['first', 'second']);
  });

  it('leave a consumer for the next connection, if the end of another consumer connects again', async () => {
    const endpoint = `pigeon://${freshName()}`;
    const server = await listen(endpoint);
    const handle = unwrap(manager.openConnection({ endpoint }));
    const next = handle.channel('next');
    const events: string[] = [];
    let connecting: Promise<Result> | undefined;
    handle.defaultChannel.take(
      {
        onMessage: () => undefined,
        onEnd: ({ state }) => {
          events.push(`first ${state}`);
          pigeon.unavailable = undefined;
          connecting = handle.connect();
          const onMessage = (data: Uint8Array): void => void events.push(`second got ${data.length} bytes`);
          next.take({ onMessage, onEnd: (reason) => events.push(`second ${reason.state}`) }, { name: 'second' });
        },
      },
      { name: 'first' },
    );
    pigeon.unavailable = 'the pigeon sleeps';
    expect(codeOf(await handle.connect())).to.equal('TransportUnavailable');
    await until(() => connecting !== undefined, 'the first consumer got the end');
    unwrap(await within(connecting!, 'the handle has connected'));
    const accepted = unwrap(await server.accept());
    unwrap(await accepted.openChannel('next'));
    unwrap(await accepted.sendOnChannel('next', new Uint8Array(9)));
    await until(() => events.length > 1, 'the second consumer got the message');
    expect(events).to.deep.equal(['first failed', 'second got 9 bytes']);
  });
});
