import type { Scope } from '@entropynet/conformance/tools';
import { type ConnectionConfig, type ReconnectConfig, type Result, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { type ConnectionHandle, ConnectionManager, type Reconnected, type ReconnectAttempt } from '@entropynet/manager';
import { freshName } from './manager-support.js';

/** Short waits without randomness, so that a test can name their lengths. */
export const SOON = { initialDelayMs: 5, maxDelayMs: 40, jitter: 0 } as const;

/** The events of a handle, in order. */
export class Diary {
  readonly lines: string[] = [];
  readonly attempts: ReconnectAttempt[] = [];
  readonly outcomes: Reconnected[] = [];
  failure: string | undefined;

  constructor(handle: ConnectionHandle) {
    handle.on('state', (state, error) => this.lines.push(error === undefined ? state : `${state} ${error.code}`));
    handle.on('reconnecting', (next) => {
      this.lines.push(`reconnecting ${next.attempt}`);
      this.attempts.push(next);
    });
    handle.on('reconnected', (outcome) => {
      this.lines.push(`reconnected ${outcome.generation}`);
      this.outcomes.push(outcome);
    });
    handle.on('reconnectFailed', (error) => {
      this.lines.push('reconnectFailed');
      this.failure = error.message;
    });
  }
}

/** A manager that the test closes at its end. */
export function managerOf(
  scope: Scope,
  ...transports: ConstructorParameters<typeof ConnectionManager>[0]
): ConnectionManager {
  const manager = new ConnectionManager(transports, { log: () => undefined });
  scope.defer(async () => {
    await manager.closeAll();
    manager.release();
  });
  return manager;
}

/** A loopback server, and a connected handle that reconnects automatically. */
export async function connected(
  scope: Scope,
  reconnect: Partial<ReconnectConfig> = SOON,
): Promise<{ manager: ConnectionManager; handle: ConnectionHandle; diary: Diary; config: ConnectionConfig }> {
  const manager = managerOf(scope, new LoopbackTransport());
  const config = { endpoint: freshName(), reconnect };
  const handle = unwrap(manager.openConnection(config));
  const diary = new Diary(handle);
  unwrap(await (await serve(manager, config))(handle));
  return { manager, handle, diary, config };
}

/** Listens. Returns a function that connects a handle and takes its other end. */
export async function serve(
  manager: ConnectionManager,
  config: ConnectionConfig,
): Promise<(handle: ConnectionHandle) => Promise<Result>> {
  const server = unwrap(manager.createServer(config));
  unwrap(await server.listen());
  return async (handle) => {
    const accepting = server.accept();
    const result = await handle.connect();
    const accepted = unwrap(await accepting);
    handle.once('reconnecting', () => void server.close());
    endOf.set(handle, async () => {
      await server.close();
      await accepted.close();
    });
    return result;
  };
}

/** For each handle, the function that ends its server and its connection. */
export const endOf = new WeakMap<ConnectionHandle, () => Promise<void>>();
