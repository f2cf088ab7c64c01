import 'reflect-metadata';
import {
  type ConnectionConfig,
  resolveConnectionConfig,
  type ResolvedConnectionConfig,
  unwrap,
} from '@entropynet/core';
import { Container, type ContainerModule } from 'inversify';
import { ConnectionManager, type ConnectionManagerOptions } from './connection-manager.js';
import { connectionManagerModule } from './connection-manager.module.js';

/** What `createNetworking` takes. */
export interface NetworkingOptions extends ConnectionManagerOptions {
  /** One module a transport, each binding `TRANSPORT`. */
  readonly transports: readonly ContainerModule[];
  /** A configuration to check at once, so that a program with a wrong one does not start. */
  readonly config?: ConnectionConfig;
}

/** A container with a manager in it. */
export interface Networking extends AsyncDisposable {
  /** Opens connections and makes servers. */
  readonly manager: ConnectionManager;
  /** Where the manager came from; for programs that inject it. */
  readonly container: Container;
  /** The checked configuration with every default filled in; undefined where none was given. */
  readonly config: ResolvedConnectionConfig | undefined;
  /** Closes every server and connection of the manager. */
  close(): Promise<void>;
}

/**
 * The one-line start: builds the container, loads the transports, checks the configuration.
 * Rejects with a `NetworkError` (`InvalidParameter`) that names what is wrong.
 */
export async function createNetworking(options: NetworkingOptions): Promise<Networking> {
  const { transports, config, ...managerOptions } = options;
  const resolved = config === undefined ? undefined : unwrap(resolveConnectionConfig(config));
  // All modules before the first resolve, and singletons throughout: a late binding would be built again at every call.
  const container = new Container({ defaultScope: 'Singleton' });
  await container.loadAsync(...transports, connectionManagerModule(managerOptions));
  const manager = container.get(ConnectionManager);
  const close = (): Promise<void> => manager.closeAll();
  return { manager, container, config: resolved, close, [Symbol.asyncDispose]: close };
}
