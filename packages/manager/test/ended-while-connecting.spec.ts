import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type Scope, scoped, within } from '@entropynet/conformance/tools';
import { type ConnectionConfig, DiagnosticsChannel, type NetworkConnection, unwrap } from '@entropynet/core';
import { LoopbackServer, LoopbackTransport } from '@entropynet/core/testing';
import { type ConnectionHandle, ConnectionManager } from '@entropynet/manager';
import { freshName } from '@entropynet/test/support/fresh-name';
import { expect } from 'chai';

/** Two messages of this length fill most of a window. */
const LENGTH = 7000;

/** A handle that `calls` once `onHook` runs, and the server of its connections. */
class Site {
  readonly server = new LoopbackServer({ endpoint: `loopback://${freshName()}` });
  readonly manager = new ConnectionManager([new LoopbackTransport()], { log: () => this.onLog() });
  onLog: () => void = () => undefined;
  /** The result of the call that ended the handle. */
  ending: Promise<unknown> | undefined;
  readonly #call: 'close' | 'disconnect';

  private constructor(call: 'close' | 'disconnect') {
    this.#call = call;
  }

  static async open(scope: Scope, call: 'close' | 'disconnect'): Promise<Site> {
    const site = new Site(call);
    unwrap(await site.server.listen());
    scope.defer(async () => {
      await site.manager.closeAll();
      await site.server.close();
    });
    return site;
  }

  open(config: Partial<ConnectionConfig>): ConnectionHandle {
    return unwrap(this.manager.openConnection({ endpoint: this.server.address()!, ...config }));
  }

  /** Returns a handle that connects to its second endpoint. */
  openFallback(): ConnectionHandle {
    return this.open({ endpoint: `loopback://${freshName()}`, fallback: [this.server.address()!] });
  }

  async accept(): Promise<NetworkConnection> {
    const accepted = unwrap(await within(this.server.accept(), 'a client came'));
    accepted.startReceiving();
    return accepted;
  }

  end(handle: ConnectionHandle): void {
    this.ending ??= handle[this.#call]();
  }

  async expectEnded(handle: ConnectionHandle, accepted: NetworkConnection): Promise<void> {
    expect(this.ending, 'the function ran').to.not.equal(undefined);
    await within(this.ending!, 'the call is over');
    await within(accepted.closed, 'the server has seen the end');
    expect(handle.getState()).to.equal('disconnected');
    expect(handle.valid()).to.equal(this.#call === 'disconnect');
    expect(this.manager.getBackendMetrics()['loopback']).to.include({ connections: 0 });
  }
}

for (const call of ['disconnect', 'close'] as const) {
  describe(`${call}() of a handle whose connection is being established`, () => {
    it(
      'takes effect inside the function `log`',
      scoped(async (scope) => {
        const site = await Site.open(scope, call);
        const handle = site.openFallback();
        site.onLog = () => {
          site.end(handle);
        };
        unwrap(await handle.connect());
        await site.expectEnded(handle, await site.accept());
      }),
    );

    it(
      'takes effect inside a subscriber of a diagnostics channel',
      scoped(async (scope) => {
        const site = await Site.open(scope, call);
        const handle = site.openFallback();
        const onFallback = (): void => {
          site.end(handle);
        };
        subscribe(DiagnosticsChannel.Fallback, onFallback);
        scope.defer(() => unsubscribe(DiagnosticsChannel.Fallback, onFallback));
        unwrap(await handle.connect());
        await site.expectEnded(handle, await site.accept());
      }),
    );

    it(
      'takes effect inside an `error` listener that hears of dropped messages',
      scoped(async (scope) => {
        const site = await Site.open(scope, call);
        const reconnect = { initialDelayMs: 1, maxDelayMs: 1, afterGoodbye: true };
        const handle = site.open({ channelWindow: 16_384, maxMessageSize: 8000, reconnect });
        const errors: string[] = [];
        handle.on('error', ({ code }) => {
          errors.push(code);
          site.end(handle);
        });
        unwrap(await handle.connect());
        // Two connections leave more unread messages than a window holds.
        for (let connection = 0; connection < 2; connection += 1) {
          const accepted = await site.accept();
          for (let count = 0; count < 2; count += 1) unwrap(await accepted.send(new Uint8Array(LENGTH)));
          await accepted.disconnect();
        }
        const last = await site.accept();
        await within(last.closed, 'the server has seen the end');
        await site.expectEnded(handle, last);
        expect(errors).to.deep.equal(['ResourceLimitExceeded']);
      }),
    );

    it(
      'takes effect inside an `error` listener that hears of channels dropped unread',
      scoped(async (scope) => {
        const site = await Site.open(scope, call);
        const reconnect = { initialDelayMs: 1, maxDelayMs: 1, afterGoodbye: true };
        const handle = site.open({ maxChannels: 1, reconnect });
        handle.on('error', () => {
          site.end(handle);
        });
        unwrap(await handle.connect());
        // Each connection leaves one channel unread, and the handle keeps one.
        for (const name of ['first', 'second']) {
          const accepted = await site.accept();
          unwrap(await accepted.openChannel(name));
          unwrap(await accepted.sendOnChannel(name, new Uint8Array(9)));
          await accepted.disconnect();
        }
        const last = await site.accept();
        await within(last.closed, 'the server has seen the end');
        await site.expectEnded(handle, last);
      }),
    );
  });
}
