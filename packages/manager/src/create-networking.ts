import {
  checkOptions,
  type ConnectionConfig,
  kindOf,
  NetworkError,
  shortageOf,
  type ResolvedConnectionConfig,
  type Transport,
  TRANSPORT,
  type TransportModule,
  unwrap,
} from '@entropynet/core';
import type * as inversifyTypes from 'inversify';
import type { Container } from 'inversify';
import { ConnectionManager } from './connection-manager.js';
import type { ConnectionManagerOptions } from './connection-manager-options.js';
import { connectionManagerModule } from './connection-manager.module.js';

/** The options of `createNetworking`. */
export interface NetworkingOptions extends ConnectionManagerOptions {
  /**
   * One module for each transport: an object with `id` and `load`, or a `ContainerModule` of inversify, that binds
   * `TRANSPORT`.
   */
  readonly transports: readonly TransportModule[];
  /**
   * The default configuration of `manager.openConnection()` and `manager.createServer()`. It is checked at once, so a
   * program with a wrong one does not start.
   */
  readonly config?: ConnectionConfig | undefined;
}

const OPTIONS = { transports: 'anything', config: 'anything', capacity: 'a number', log: 'a function' } as const;

/** A manager and its container. */
export interface Networking extends AsyncDisposable {
  /** Opens connections and makes servers. */
  readonly manager: ConnectionManager;
  /**
   * The inversify container of the manager, for programs that inject it. Reading it throws a `NetworkError` if
   * inversify could not be loaded: `NotSupported`, for example with `--frozen-intrinsics`, or `ResourceLimitExceeded`
   * without a free file descriptor.
   */
  readonly container: Container;
  /** The checked configuration with every default. Undefined if the options have none. */
  readonly config: ResolvedConnectionConfig | undefined;
  /** Closes every server and connection of the manager. */
  close(): Promise<void>;
}

/**
 * Creates a manager: it builds the container, loads the transports and checks the configuration. Rejects with a
 * `NetworkError` (`InvalidParameter`) that names the fault.
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
  // All modules are loaded before the first resolve, and all bindings are singletons: a later binding would be built at every call.
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
 * Loads inversify only when needed: it is larger than the rest of the package. It extends `Reflect`; with
 * `--frozen-intrinsics` that is not possible, and the attempt would end the process.
 */
async function loadInversify(): Promise<Inversify | NetworkError> {
  if (!Object.isExtensible(Reflect)) {
    return new NetworkError(
      'NotSupported',
      'there is no container because `Reflect` is frozen: inversify must extend it',
    );
  }
  try {
    return await import('inversify');
  } catch (error) {
    const shortage = shortageOf(error) ?? (isNotFound(error) ? NOT_FOUND : undefined);
    if (shortage === undefined) throw error;
    // Node.js keeps the failure of an import as long as the process lives, so another attempt has no use.
    return new NetworkError(
      'ResourceLimitExceeded',
      `there is no container because inversify could not be loaded: ${shortage}; start this process again`,
      error,
    );
  }
}

const NOT_FOUND = 'it is not installed, or this process had no file descriptor left to look for it: raise "ulimit -n"';

/** Node.js counts a package whose `package.json` it has no descriptor for as one that is not there. */
function isNotFound(error: unknown): boolean {
  return (error as { readonly code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
}

/** Builds a manager without a container, from modules that bind constants. */
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
    throw new NetworkError('InvalidParameter', 'createNetworking() takes an object of options; nothing was given');
  checkOptions('createNetworking()', options, OPTIONS);
  const { transports } = options;
  if (!Array.isArray(transports) || transports.some((each) => typeof (each as TransportModule)?.load !== 'function')) {
    const given = Array.isArray(transports) ? 'a list with something else' : kindOf(transports);
    throw new NetworkError(
      'InvalidParameter',
      `'transports' was given ${given}; a list of modules that have a load() function is allowed`,
    );
  }
}
