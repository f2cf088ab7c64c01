import { turns, until } from '@entropynet/conformance/tools';
import { type NetworkConnection, type Result, unwrap } from '@entropynet/core';
import { LoopbackConnection, LoopbackServer, LoopbackTransport } from '@entropynet/core/testing';
import { type ConnectionHandle, ConnectionManager } from '@entropynet/manager';
import { expect } from 'chai';
import { freshName } from './manager-support.js';

/** Its attempts never end if `hangs` is set. */
class HangingTransport extends LoopbackTransport {
  hangs = false;

  override probe(...config: Parameters<LoopbackTransport['probe']>): ReturnType<LoopbackTransport['probe']> {
    return this.hangs ? new Promise(() => undefined) : super.probe(...config);
  }
}

const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.error.code);

describe('the calls of a handle', () => {
  let transport: HangingTransport;
  let manager: ConnectionManager;
  let server: LoopbackServer;
  let handle: ConnectionHandle;

  beforeEach(async () => {
    transport = new HangingTransport();
    manager = new ConnectionManager([transport]);
    server = new LoopbackServer({ endpoint: `loopback://${freshName()}` });
    unwrap(await server.listen());
    const reconnect = { initialDelayMs: 10, maxDelayMs: 10, jitter: 0 };
    handle = unwrap(manager.openConnection({ endpoint: server.address()!, reconnect }));
  });

  afterEach(async () => {
    await manager.closeAll();
    await server.close();
  });

  it('run onConnected once for a connection, if a state callback or an event sets it', async () => {
    const runs: string[] = [];
    handle.on('state', (state) => {
      if (state === 'connected') handle.onConnected((_connection, { generation }) => runs.push(`state ${generation}`));
    });
    unwrap(await handle.connect());
    expect(runs).to.deep.equal(['state 1']);
  });

  it('run no further onConnected after one of them has disconnected', async () => {
    const runs: number[] = [];
    handle.onConnected(() => {
      runs.push(1);
      void handle.disconnect();
    });
    handle.onConnected(() => runs.push(2));
    unwrap(await handle.connect());
    expect(runs).to.deep.equal([1]);
  });

  it('announce no attempt after disconnect() ended one', async () => {
    unwrap(await handle.connect());
    const accepted = unwrap(await server.accept());
    transport.hangs = true;
    const announced: number[] = [];
    handle.on('reconnecting', ({ attempt }) => announced.push(attempt));
    await accepted.disconnect();
    await until(() => handle.getState() === 'connecting', 'an attempt is under way');
    unwrap(await handle.disconnect());
    expect(announced).to.deep.equal([1]);
    expect(handle.getReconnection().reason).to.equal(undefined);
    expect(await handle.closed).to.deep.equal({ state: 'disconnected' });
  });

  it('find it closed at once, and each close() waits for the end', async () => {
    unwrap(await handle.connect());
    const open: NetworkConnection = unwrap(await server.accept());
    const closing = handle.close();
    expect(codeOf(await handle.sendUnreliable(new Uint8Array(1)))).to.equal('InvalidParameter');
    const again = handle.close();
    expect(handle.getBackend()).to.equal(undefined);
    expect(handle.getStats().connectTime).to.equal(0);
    expect(codeOf(await handle.openChannel('x'))).to.equal('InvalidParameter');
    await again;
    expect(manager.activeCount()).to.equal(0);
    await closing;
    await open.disconnect();
  });

  it('report waiting events to the first listener before newer ones', async () => {
    const own = new LoopbackConnection({ endpoint: server.address()! });
    unwrap(await own.connect());
    const adopted = unwrap(manager.adoptConnection(own));
    const accepted = unwrap(await server.accept());
    await accepted.disconnect();
    await until(() => adopted.getState() === 'disconnected', 'the peer has gone');
    const states: string[] = [];
    adopted.setStateCallback((state) => states.push(state));
    unwrap(await adopted.connect());
    await turns(1);
    expect(states).to.deep.equal(['disconnecting', 'disconnected', 'connecting', 'connected']);
  });

  it('report open channels to a late listener, and no closed ones', async () => {
    unwrap(await handle.connect());
    const accepted = unwrap(await server.accept());
    accepted.startReceiving();
    for (const name of ['gone', 'there']) unwrap(await accepted.openChannel(name));
    await until(() => handle.channels().length === 2, 'both channels are open');
    unwrap(await accepted.closeChannel('gone'));
    const names: string[] = [];
    handle.on('channel', (name) => names.push(name));
    await turns(1);
    expect(names).to.deep.equal(['there']);
  });

  it('do not report channels of an earlier connection', async () => {
    unwrap(await handle.connect());
    const accepted = unwrap(await server.accept());
    accepted.startReceiving();
    unwrap(await accepted.openChannel('earlier'));
    await until(() => handle.channels().length === 1, 'the channel is open');
    await accepted.disconnect();
    await until(() => handle.getState() === 'disconnected', 'the peer has gone');
    unwrap(await handle.connect());
    const next = unwrap(await server.accept());
    next.startReceiving();
    unwrap(await next.openChannel('present'));
    const names: string[] = [];
    handle.on('channel', (name) => names.push(name));
    await until(() => names.length > 0, 'the listener was told');
    await turns(1);
    expect(names).to.deep.equal(['present']);
  });
});
