import {
  checkOptions,
  type ConnectionConfig,
  kindOf,
  NetworkError,
  type ResolvedConnectionConfig,
  type Transport,
  TRANSPORT,
  type TransportBinder,
  type TransportModule,
  unwrap,
} from '@entropynet/core';
import type { Container } from 'inversify';
import { ConnectionManager } from './connection-manager.js';
import { CONNECTION_MANAGER_OPTIONS, type ConnectionManagerOptions } from './connection-manager-options.js';
import { connectionManagerModule } from './connection-manager.module.js';
import { importInversify, type Inversify, inversifyOnDemand } from './inversify.js';

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
   * The inversify container of the manager, for programs that inject it. It is made when it is read first, unless one
   * of the transports is a `ContainerModule`. Reading it throws a `NetworkError` if inversify could not be loaded:
   * `NotSupported`, for example with `--frozen-intrinsics`, or `ResourceLimitExceeded` without a free file descriptor.
   */
  readonly container: Container;
  /** The checked configuration with every default. Undefined if the options have none. */
  readonly config: ResolvedConnectionConfig | undefined;
  /** Closes every server and connection of the manager. */
  close(): Promise<void>;
}

/**
 * Creates a manager: it loads the transports and checks the configuration. Rejects with a
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

interface Parts {
  readonly manager: ConnectionManager;
  readonly container: () => Container;
}

async function build(modules: readonly TransportModule[], options: ConnectionManagerOptions): Promise<Parts> {
  const onDemand = modules.every(isPlainObject) ? inversifyOnDemand() : undefined;
  const constants = onDemand && (await constantsOf(modules).catch(() => undefined));
  if (onDemand !== undefined && constants !== undefined) return buildWithConstants(constants, options, onDemand);
  const inversify = await importInversify();
  if (!(inversify instanceof NetworkError)) return buildWithContainer(inversify, modules, options);
  return buildWithConstants(await constantsOf(modules), options, () => inversify);
}

async function buildWithContainer(
  inversify: Inversify,
  modules: readonly TransportModule[],
  options: ConnectionManagerOptions,
): Promise<Parts> {
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

/** Builds a manager whose container follows when the program reads it. Most programs never do. */
function buildWithConstants(
  constants: readonly Constant[],
  options: ConnectionManagerOptions,
  load: () => Inversify | NetworkError,
): Parts {
  const transports = constants
    .filter(([identifier]) => identifier === TRANSPORT)
    .map(([, value]) => value as Transport);
  const manager = new ConnectionManager(transports, options);
  let container: Container | undefined;
  return {
    manager,
    container: () => (container ??= containerOf(load(), constants, options, manager)),
  };
}

function containerOf(
  inversify: Inversify | NetworkError,
  constants: readonly Constant[],
  options: ConnectionManagerOptions,
  manager: ConnectionManager,
): Container {
  if (inversify instanceof NetworkError) throw inversify;
  const container = new inversify.Container({ defaultScope: 'Singleton' });
  for (const [identifier, value] of constants) container.bind(identifier).toConstantValue(value);
  container.bind(CONNECTION_MANAGER_OPTIONS).toConstantValue(options);
  container.bind(ConnectionManager).toConstantValue(manager);
  return container;
}

/** An identifier and the value that a module bound to it. */
type Constant = readonly [identifier: symbol, value: unknown];

/**
 * Returns the constants that modules bind. Rejects if a module binds anything else: only a container knows the other methods
 * of a binding.
 */
async function constantsOf(modules: readonly TransportModule[]): Promise<Constant[]> {
  const constants: Constant[] = [];
  const bind: TransportBinder = (identifier) => ({
    toConstantValue: (value) => {
      constants.push([identifier, value]);
    },
  });
  for (const module of modules) await module.load({ bind });
  return constants;
}

/** Whether it is no object of a class. A `ContainerModule` of inversify is one. */
function isPlainObject(module: TransportModule): boolean {
  return Object.getPrototypeOf(module) === Object.prototype;
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
