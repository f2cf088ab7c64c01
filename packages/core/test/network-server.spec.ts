import { expect } from 'chai';
import { err, NetworkServer, OK, resolveOwnConfig, type Result, unwrap } from '@entropynet/core';

/** Writes down each hook that the base calls, and answers `doListen` when the test says so. */
class NotedServer extends NetworkServer {
  readonly calls: string[] = [];
  answers: Promise<Result>[] = [];

  constructor() {
    super(unwrap(resolveOwnConfig({ endpoint: 'noted' })), 4);
  }

  address(): string | undefined {
    return this.isListening() ? 'noted' : undefined;
  }

  ref(): void {
    // Holds nothing.
  }

  unref(): void {
    // Holds nothing.
  }

  protected doListen(signal: AbortSignal): Promise<Result> {
    this.calls.push('listen');
    signal.addEventListener('abort', () => this.calls.push('abort'));
    return this.answers.shift() ?? Promise.resolve(OK);
  }

  protected doStopAccepting(): void {
    this.calls.push('stop');
  }

  protected override doClose(): Promise<void> {
    this.calls.push('close');
    return Promise.resolve();
  }
}

describe('the base of a server', () => {
  let server: NotedServer;

  beforeEach(() => {
    server = new NotedServer();
  });

  it('takes the address once for several calls of listen()', async () => {
    const results = await Promise.all([server.listen(), server.listen()]);
    expect(results.every(({ ok }) => ok)).to.equal(true);
    expect(await server.listen()).to.deep.equal(OK);
    expect(server.calls).to.deep.equal(['listen']);
    expect(server.address()).to.equal('noted');
  });

  it('listens again after a failure, and stops nothing that never listened', async () => {
    server.answers = [Promise.resolve(err('AddressInUse', 'taken'))];
    expect(await server.listen()).to.have.property('ok', false);
    expect(server.isListening()).to.equal(false);
    await server.close();
    expect(server.calls).to.deep.equal(['listen', 'abort']);
    expect(await server.listen()).to.deep.equal(OK);
    expect(server.isListening()).to.equal(true);
  });

  it('aborts a listen() under way at close(), closes after it, and listens again', async () => {
    let take: (result: Result) => void = () => undefined;
    server.answers = [new Promise((resolve) => (take = resolve))];
    const listening = server.listen();
    const closing = server.close();
    const again = server.listen();
    take(OK);
    await Promise.all([listening, closing, again]);
    expect(server.calls).to.deep.equal(['listen', 'abort', 'stop', 'close', 'listen']);
    expect(server.isListening()).to.equal(true);
  });

  it('ends the callers of accept() at close(), even if it never listened', async () => {
    const accepting = server.accept();
    await server.close();
    const accepted = await accepting;
    expect(accepted.ok ? undefined : accepted.error.code).to.equal('ConnectionClosed');
    expect(server.calls).to.deep.equal([]);
  });

  it('stops accepting once for several calls of close()', async () => {
    await server.listen();
    await Promise.all([server.close(), server.close()]);
    expect(server.calls).to.deep.equal(['listen', 'abort', 'stop', 'close']);
  });

  it('returns the exception of a transport, and listens again later', async () => {
    const thrown = new Error('the disk of nats://me:secret@host is gone');
    const throwing = (): never => {
      throw thrown;
    };
    const messageOf = (result: Result): string => (result.ok ? 'ok' : `${result.error.code}: ${result.error.message}`);
    const sentence = 'failed: the disk of nats://***@host is gone';
    const hooks = server as unknown as Record<'doListen' | 'doStopAccepting' | 'doClose', unknown>;
    hooks.doListen = throwing;
    expect(messageOf(await server.listen())).to.equal(`TransportUnavailable: listening ${sentence}`);
    Reflect.deleteProperty(hooks, 'doListen');
    for (const hook of ['doStopAccepting', 'doClose'] as const) {
      expect(messageOf(await server.listen())).to.equal('ok');
      const accepting = server.accept();
      hooks[hook] = throwing;
      expect(messageOf(await server.close())).to.equal(`TransportUnavailable: closing ${sentence}`);
      Reflect.deleteProperty(hooks, hook);
      expect(await accepting).to.have.nested.property('error.code', 'ConnectionClosed');
      expect(server.isListening()).to.equal(false);
    }
    expect(messageOf(await server.listen())).to.equal('ok');
    expect(messageOf(await server.close())).to.equal('ok');
  });
});
