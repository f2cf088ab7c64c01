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
import type { Container } from 'inversify';
import { ConnectionManager } from './connection-manager.js';
import { CONNECTION_MANAGER_OPTIONS, type ConnectionManagerOptions } from './connection-manager-options.js';
import { connectionManagerModule } from './connection-manager.module.js';
import { type Constant, constantsOf, constantsOfModule } from './constants-of-modules.js';
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
   * The inversify container of the manager, for programs that inject it. If all modules are plain objects that bind
   * constants, the first read loads inversify, which blocks the event loop, and makes the container. Otherwise
   * `createNetworking()` has made it. Reading it throws a `NetworkError` if inversify could not be loaded: `NotSupported`,
   * for example with `--frozen-intrinsics`, or `ResourceLimitExceeded` without a free file descriptor.
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
  const onDemand = inversifyOnDemand();
  const { constants, rest } = onDemand === undefined ? { constants: [], rest: modules } : await constantsOf(modules);
  if (onDemand !== undefined && rest.length === 0) return buildWithConstants(constants, options, onDemand);
  const inversify = await importInversify();
  if (!(inversify instanceof NetworkError)) return buildWithContainer(inversify, constants, rest, options);
  for (const module of rest) {
    const more = await constantsOfModule(module);
    if (more === undefined) throw inversify;
    constants.push(...more);
  }
  return buildWithConstants(constants, options, () => inversify);
}

async function buildWithContainer(
  inversify: Inversify,
  constants: readonly Constant[],
  modules: readonly TransportModule[],
  options: ConnectionManagerOptions,
): Promise<Parts> {
  // All modules are loaded before the first resolve, and all bindings are singletons: a later binding would be built at every call.
  const container = containerWith(inversify, constants);
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
  const make = (): Container => {
    const inversify = load();
    if (inversify instanceof NetworkError) throw inversify;
    const made = containerWith(inversify, [...constants, [CONNECTION_MANAGER_OPTIONS, options]]);
    made.bind(ConnectionManager).toConstantValue(manager);
    // No activation that a program adds may replace the manager.
    made.get(ConnectionManager);
    return made;
  };
  return { manager, container: () => (container ??= make()) };
}

function containerWith(inversify: Inversify, constants: readonly Constant[]): Container {
  const container = new inversify.Container({ defaultScope: 'Singleton' });
  for (const [identifier, value] of constants) container.bind(identifier).toConstantValue(value);
  return container;
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
