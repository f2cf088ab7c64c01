import {
  checkOptions,
  type ConnectionConfig,
  kindOf,
  NetworkError,
  type ResolvedConnectionConfig,
  type Transport,
  TRANSPORT,
  type TransportModule,
  unwrap,
} from '@entropynet/core';
import type * as inversifyTypes from 'inversify';
import type { Container } from 'inversify';
import { ConnectionManager, type ConnectionManagerOptions } from './connection-manager.js';
import { connectionManagerModule } from './connection-manager.module.js';

/** What `createNetworking` takes. */
export interface NetworkingOptions extends ConnectionManagerOptions {
  /** One module for each transport: an object with `id` and `load`, or a `ContainerModule` of inversify, that binds `TRANSPORT`. */
  readonly transports: readonly TransportModule[];
  /**
   * A configuration to check at once, so that a program with a wrong one does not start. `manager.openConnection()` and
   * `manager.createServer()` use it where they are given none.
   */
  readonly config?: ConnectionConfig | undefined;
}

const OPTIONS = { transports: 'anything', config: 'anything', capacity: 'a number', log: 'a function' } as const;

/** A container with a manager in it. */
export interface Networking extends AsyncDisposable {
  /** Opens connections and makes servers. */
  readonly manager: ConnectionManager;
  /**
   * The inversify container that the manager came from; for programs that inject it. Throws a `NetworkError`
   * (`NotSupported`) where inversify can not be loaded, as under `--frozen-intrinsics`.
   */
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
  checkGiven(options);
  const { transports, config, ...managerOptions } = options;
  const parts = await build(transports, managerOptions);
  const { manager } = parts;
  const resolved = config === undefined ? undefined : unwrap(manager.useConfig(config));
  const close = (): Promise<void> => manager.closeAll();
  return {
    manager,
    get container() {
      return parts.container();
    },
    config: resolved,
    close,
    [Symbol.asyncDispose]: close,
  };
}

type Inversify = typeof inversifyTypes;

interface Parts {
  readonly manager: ConnectionManager;
  readonly container: () => Container;
}

async function build(modules: readonly TransportModule[], options: ConnectionManagerOptions): Promise<Parts> {
  const inversify = await loadInversify();
  if (inversify instanceof NetworkError) return buildWithout(inversify, modules, options);
  // All modules before the first resolve, and singletons throughout: a late binding would be built again at every call.
  const container = new inversify.Container({ defaultScope: 'Singleton' });
  for (const module of [...modules, connectionManagerModule(options)]) {
    const loadable =
      module instanceof inversify.ContainerModule
        ? module
        : new inversify.ContainerModule((binder) => module.load(binder));
    await container.loadAsync(loadable);
  }
  return { manager: container.get(ConnectionManager), container: () => container };
}

/**
 * Imported here and not before: it weighs more than the rest of the package. It adds to `Reflect`; where that can't be, as
 * under `--frozen-intrinsics`, the attempt would end the process.
 */
async function loadInversify(): Promise<Inversify | NetworkError> {
  if (Object.isExtensible(Reflect)) return import('inversify');
  return new NetworkError(
    'NotSupported',
    'there is no container because `Reflect` is frozen: inversify must extend it',
  );
}

/** A manager without a container, of modules that bind constants. */
async function buildWithout(
  failure: NetworkError,
  modules: readonly TransportModule[],
  options: ConnectionManagerOptions,
): Promise<Parts> {
  const transports: Transport[] = [];
  const binder: Parameters<TransportModule['load']>[0] = {
    bind: (identifier) => ({
      toConstantValue: (value) => {
        if (identifier === TRANSPORT) transports.push(value as Transport);
      },
    }),
  };
  for (const module of modules) await module.load(binder);
  return {
    manager: new ConnectionManager(transports, options),
    container: () => {
      throw failure;
    },
  };
}

function checkGiven(options: NetworkingOptions): void {
  const given: unknown = options;
  if (given === undefined)
    throw new NetworkError('InvalidParameter', 'createNetworking takes an object of options; nothing was given');
  checkOptions('createNetworking', options, OPTIONS);
  const { transports } = options;
  if (!Array.isArray(transports) || transports.some((each) => typeof (each as TransportModule)?.load !== 'function')) {
    const given = Array.isArray(transports) ? 'a list with something else' : kindOf(transports);
    throw new NetworkError(
      'InvalidParameter',
      `'transports' was given ${given}; a list of modules that have a load() function is allowed`,
    );
  }
}
