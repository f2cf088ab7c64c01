import { type Scope, until } from '@entropynet/conformance/tools';
import { type ConnectionConfig, type NetworkError, type ReconnectOptions, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { type ConnectionHandle, ConnectionManager, type ManagedServer } from '@entropynet/manager';
import { freshName } from './manager-support.js';

/** The window of each channel, in bytes. */
export const WINDOW = 64 * 1024;

export const textOf = (data: Uint8Array): string => Buffer.from(data).toString();

/** A handle that reconnects automatically, and the other ends of its connections. */
export class Site {
  readonly manager: ConnectionManager;
  readonly handle: ConnectionHandle;
  readonly server: ManagedServer;
  readonly errors: NetworkError[] = [];

  private constructor(manager: ConnectionManager, handle: ConnectionHandle, server: ManagedServer) {
    this.manager = manager;
    this.handle = handle;
    this.server = server;
    handle.on('error', (error) => this.errors.push(error));
  }

  static async open(scope: Scope, reconnect?: ReconnectOptions): Promise<Site> {
    const manager = new ConnectionManager([new LoopbackTransport()], { log: () => undefined });
    scope.defer(async () => {
      await manager.closeAll();
      manager.release();
    });
    const config: ConnectionConfig = {
      endpoint: freshName(),
      channelWindow: WINDOW,
      maxChannels: 2,
      reconnect: { initialDelayMs: 1, maxDelayMs: 1, ...reconnect },
    };
    const server = unwrap(manager.createServer(config));
    unwrap(await server.listen());
    return new Site(manager, unwrap(manager.openConnection(config)), server);
  }

  /** Connects for the first time, and returns the other end. */
  async first(): Promise<ConnectionHandle> {
    const accepting = this.server.accept();
    unwrap(await this.handle.connect());
    return unwrap(await accepting);
  }

  /** The other end leaves; gives the other end of the next connection once the handle has it. */
  async next(peer: ConnectionHandle): Promise<ConnectionHandle> {
    const { generation } = this.handle.getReconnection();
    const accepting = this.server.accept();
    unwrap(await peer.close());
    const accepted = unwrap(await accepting);
    await until(() => this.handle.getReconnection().generation === generation + 1, 'connected again');
    return accepted;
  }
}

export async function send(peer: ConnectionHandle, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) unwrap(await peer.send(Buffer.from(text)));
}

export async function take(messages: AsyncIterator<Uint8Array>, count: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const next = await messages.next();
    if (next.done === true) break;
    taken.push(textOf(next.value));
  }
  return taken;
}
