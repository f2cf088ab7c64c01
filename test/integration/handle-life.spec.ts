import { turns, within } from '@entropynet/conformance/tools';
import {
  type ConnectionState,
  type FrameLink,
  NetworkError,
  type NetworkErrorCode,
  type Result,
  type Transport,
  unwrap,
} from '@entropynet/core';
import { LoopbackConnection, LoopbackTransport } from '@entropynet/core/testing';
import { type ConnectionHandle, ConnectionManager } from '@entropynet/manager';
import { expect } from 'chai';
import { freshName } from '../support/fresh-name.js';

/** A connection whose peer dies on request. */
class Mortal extends LoopbackConnection {
  die(): void {
    this.onStateChanged('failed', new NetworkError('PeerDied', 'the peer died'));
  }
}

/** A connection that never connects. */
class Stuck extends LoopbackConnection {
  protected override doConnect(): Promise<Result<FrameLink>> {
    return new Promise(() => undefined);
  }
}

describe('the life of a handle', () => {
  const loopback = new LoopbackTransport();
  const stuck: Transport = transportOf('stuck', (name) => new Stuck({ endpoint: `loopback://${name}` }));
  const hung: Transport = {
    ...transportOf('hung', (name) => new Stuck({ endpoint: `loopback://${name}` })),
    probe: () => new Promise(() => undefined),
  };
  let mortals: Mortal[];
  const mortal: Transport = transportOf('mortal', (name) => {
    const made = new Mortal({ endpoint: `loopback://${name}` });
    mortals.push(made);
    return made;
  });
  let manager: ConnectionManager;

  beforeEach(() => {
    mortals = [];
    manager = new ConnectionManager([loopback, stuck, hung, mortal], { log: () => undefined });
  });

  afterEach(() => manager.closeAll());

  async function listen(name: string): Promise<() => Promise<ConnectionHandle>> {
    const server = unwrap(manager.createServer({ endpoint: `loopback://${name}` }));
    unwrap(await server.listen());
    return async () => unwrap(await server.accept());
  }

  it('reports states in order when a callback disconnects', async () => {
    const name = freshName();
    await listen(name);
    const handle = unwrap(manager.openConnection({ endpoint: `loopback://${name}` }));
    const states: ConnectionState[] = [];
    handle.setStateCallback((state) => {
      if (state === 'connected') void handle.disconnect();
    });
    handle.on('state', (state) => states.push(state));
    await handle.connect();
    expect(await within(handle.closed, 'the handle ended')).to.deep.equal({ state: 'disconnected' });
    expect(states).to.deep.equal(['connecting', 'connected', 'disconnecting', 'disconnected']);
  });

  it('connects after a running disconnect, and after an abandoned attempt', async () => {
    const name = freshName();
    await listen(name);
    const handle = unwrap(manager.openConnection({ endpoint: `loopback://${name}` }));
    unwrap(await handle.connect());
    void handle.disconnect();
    unwrap(await handle.connect());
    expect(handle.getState()).to.equal('connected');
    await handle.disconnect();
    const first = handle.connect();
    void handle.disconnect();
    unwrap(await handle.connect());
    expect(codeOf(await first)).to.equal('Aborted');
    expect(handle.isConnected()).to.equal(true);
  });

  it('connects again from the state callback that reports the end', async () => {
    const name = freshName();
    await listen(name);
    const handle = unwrap(manager.openConnection({ endpoint: `loopback://${name}` }));
    unwrap(await handle.connect());
    const { closed } = handle;
    const connected = new Promise<Result>((resolve) => {
      handle.setStateCallback((state) => {
        if (state === 'disconnected') resolve(handle.connect());
      });
    });
    await handle.disconnect();
    unwrap(await within(connected, 'the handle connected again'));
    expect(await closed).to.deep.equal({ state: 'disconnected' });
    expect(await Promise.race([handle.closed, turns(5).then(() => 'open')])).to.equal('open');
  });

  it('returns Aborted if the signal ends the last of several candidates', async () => {
    const handle = unwrap(
      manager.openConnection({ endpoint: `loopback://${freshName()}`, fallback: [`stuck://${freshName()}`] }),
    );
    const controller = new AbortController();
    const connecting = handle.connect({ signal: controller.signal });
    await turns(5);
    controller.abort(new Error('enough'));
    expect(codeOf(await connecting)).to.equal('Aborted');
    expect(manager.getManagerMetrics().connectionsFailed).to.equal(1);
  });

  it('ends a probe that never answers: by its deadline, by the signal, and by close()', async () => {
    const [late, aborted, closed] = [30, 60_000, 60_000].map((connectTimeoutMs) =>
      unwrap(manager.openConnection({ endpoint: `hung://${freshName()}`, connectTimeoutMs })),
    ) as [ConnectionHandle, ConnectionHandle, ConnectionHandle];
    expect(codeOf(await late.connect())).to.equal('Timeout');
    const controller = new AbortController();
    const connecting = aborted.connect({ signal: controller.signal });
    await turns(2);
    controller.abort();
    expect(codeOf(await connecting)).to.equal('Aborted');
    const waiting = closed.connect();
    await turns(2);
    unwrap(await closed.close());
    expect(codeOf(await waiting)).to.equal('Aborted');
    expect(manager.getManagerMetrics().connectionsFailed).to.equal(2);
  });

  it('delivers the earlier messages before it reconnects, and never mixes them with the next connection', async () => {
    const name = freshName();
    const accept = await listen(name);
    const handle = unwrap(
      manager.openConnection({ endpoint: `mortal://${name}`, reconnect: { initialDelayMs: 1, jitter: 0 } }),
    );
    const reconnected = new Promise((resolve) => handle.on('reconnected', resolve));
    unwrap(await handle.connect());
    const far = await accept();
    for (let index = 0; index < 10; index += 1) unwrap(await far.send(Uint8Array.of(index)));
    await turns(5);
    const seen: number[] = [];
    let outcome: unknown;
    try {
      for await (const [label] of handle.messages()) {
        seen.push(label as number);
        if (seen.length === 1) {
          mortals[0]?.die();
          await within(reconnected, 'the handle reconnected');
          unwrap(await (await accept()).send(Uint8Array.of(99)));
        }
      }
    } catch (error) {
      outcome = error;
    }
    expect(seen).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect((outcome as NetworkError).code).to.equal('PeerDied');
    const [next] = (await handle.messages().next()).value as Uint8Array;
    expect(next).to.equal(99);
  });

  it('lets a loop begin before the first connection', async () => {
    const name = freshName();
    const accept = await listen(name);
    const handle = unwrap(manager.openConnection({ endpoint: `loopback://${name}` }));
    const waiting = handle.messages().next();
    unwrap(await handle.connect());
    unwrap(await (await accept()).send(Uint8Array.of(5)));
    expect((await within(waiting, 'the message came')).value).to.deep.equal(Uint8Array.of(5));
    const lost = unwrap(manager.openConnection({ endpoint: `loopback://${freshName()}` }));
    const inVain = lost.messages().next();
    await lost.close();
    expect(await within(inVain, 'the loop ended')).to.deep.equal({ done: true, value: undefined });
  });

  it('runs onConnected for each connection, after the report and before the first message', async () => {
    const name = freshName();
    const accept = await listen(name);
    const handle = unwrap(
      manager.openConnection({ endpoint: `mortal://${name}`, reconnect: { initialDelayMs: 1, jitter: 0 } }),
    );
    const log: unknown[] = [];
    handle.on('state', (state) => log.push(state));
    handle.setMessageCallback(([label]) => log.push(label));
    const remove = handle.onConnected((connection, { generation }) => {
      log.push([generation, connection.isConnected()]);
    });
    const reconnected = new Promise((resolve) => handle.on('reconnected', resolve));
    unwrap(await handle.connect());
    unwrap(await (await accept()).send(Uint8Array.of(1)));
    await turns(5);
    mortals[0]?.die();
    await within(reconnected, 'the handle reconnected');
    expect(log).to.deep.equal([
      'connecting',
      'connected',
      [1, true],
      1,
      'failed',
      'connecting',
      'connected',
      [2, true],
    ]);
    remove();
    const late: number[] = [];
    handle.onConnected((_connection, { generation }) => late.push(generation));
    expect(late).to.deep.equal([2]);
  });

  it('reports channels that the peer opened before accept() to the first listener, and lists them', async () => {
    const name = freshName();
    const accept = await listen(name);
    const handle = unwrap(manager.openConnection({ endpoint: `loopback://${name}` }));
    unwrap(await handle.connect());
    unwrap(await handle.openChannel('telemetry'));
    unwrap(await handle.openChannel('assets'));
    await turns(10);
    const far = await accept();
    const names: string[] = [];
    far.on('channel', (each) => names.push(each));
    await turns(2);
    expect(names).to.deep.equal(['telemetry', 'assets']);
    expect(far.channels().map((channel) => channel.name)).to.deep.equal(['telemetry', 'assets']);
    expect(far.channel('assets').isOpen).to.equal(true);
  });

  it('keeps its channel objects over connections', async () => {
    const name = freshName();
    await listen(name);
    const handle = unwrap(manager.openConnection({ endpoint: `loopback://${name}` }));
    const channel = handle.channel('side');
    expect(codeOf(channel.trySend(Uint8Array.of(1)))).to.equal('ConnectionClosed');
    unwrap(await handle.connect());
    unwrap(await channel.open());
    unwrap(await channel.send(Uint8Array.of(1)));
    await handle.disconnect();
    expect(channel.isOpen).to.equal(false);
    unwrap(await handle.connect());
    expect(handle.channel('side')).to.equal(channel);
    expect(codeOf(channel.trySend(Uint8Array.of(1)))).to.equal('InvalidParameter');
    unwrap(await channel.open());
    unwrap(await channel.send(Uint8Array.of(2)));
  });

  it('frees the slot at the last release of its last copy', async () => {
    const handle = unwrap(manager.openConnection({ endpoint: `loopback://${freshName()}` }));
    const copy = handle.copy();
    handle.release();
    await turns(2);
    expect(manager.activeCount()).to.equal(1);
    copy?.release();
    await turns(2);
    expect([manager.activeCount(), copy?.valid()]).to.deep.equal([0, false]);
  });

  function transportOf(scheme: string, create: (name: string) => LoopbackConnection): Transport {
    return {
      backend: scheme,
      schemes: [scheme],
      connectionType: 'remote',
      capabilities: loopback.capabilities,
      probe: () => Promise.resolve({ available: true }),
      createConnection: ({ endpoint }) => create(endpoint.replace(`${scheme}://`, '')),
      createServer: (config) => loopback.createServer(config),
    };
  }
});

function codeOf(result: Result<unknown>): NetworkErrorCode | 'ok' {
  return result.ok ? 'ok' : result.error.code;
}
