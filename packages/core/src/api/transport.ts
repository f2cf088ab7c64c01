import type { ConnectionConfig, ServerConfig } from '../config/connection-config.js';
import type { ConnectionBackend, ConnectionType } from './connection-types.js';
import type { NetworkConnection } from '../lifecycle/network-connection.js';
import type { OptionsSchema } from '../config/transport-sections.js';
import type { Result } from '../result/result.js';
import type { NetworkError } from '../result/network-error.js';
import type { ConnectionServer } from './connection-server.js';

/** Whether this process can reach an endpoint. */
export type TransportProbe =
  | {
      /** The endpoint can be reached. */
      readonly available: true;
    }
  | {
      /** The endpoint can't be reached. */
      readonly available: false;
      /** The reason, in one sentence that tells a person what to do. */
      readonly reason: string;
      /** The reason as an error, if another code than `TransportUnavailable` fits better. */
      readonly error?: NetworkError;
    };

/** The differences between transports. Programs and the conformance suite use them instead of a transport's name. */
export interface TransportCapabilities {
  /** Whether `sendUnreliable` has a path of its own. If not, it is as reliable as `send`. */
  readonly unreliable: boolean;
  /** Whether `claim` and borrowed messages use memory that the peer shares. */
  readonly zeroCopy: boolean;
  /** Whether the two sides may be in different processes. */
  readonly crossProcess: boolean;
  /** Whether the transport learns of the peer's death from an event of the operating system. */
  readonly detectsPeerDeath: boolean;
  /** Whether the transport reports a peer that is alive but does not read. */
  readonly detectsUnresponsive: boolean;
}

/**
 * A transport: it creates connections and servers of one kind. See `docs/writing-a-transport.md`.
 */
export interface Transport {
  /** The name in configurations and logs. It is unique among the registered transports. */
  readonly backend: ConnectionBackend;
  /** The endpoint schemes it serves, without `://`, in lower case. */
  readonly schemes: readonly string[];
  /** `local` or `remote`. A `local` transport also serves endpoints without a scheme. */
  readonly connectionType: ConnectionType;
  /** The capabilities: frozen, and the same in every instance. */
  readonly capabilities: TransportCapabilities;
  /**
   * Whether `connect()` fails as fast as `probe()`, with the same reason; the manager then does not call `probe()`
   * first.
   * @default false
   */
  readonly isProbedByConnecting?: boolean;
  /** Its rank if several transports serve an endpoint: the manager tries a higher one first. @default 0 */
  readonly preference?: number;
  /**
   * The key of its section in a configuration. Without it, the transport has no section and reads `transportOptions`.
   */
  readonly optionsKey?: string;
  /** The schema that checks the section and fills in the defaults; see `defineTransportSection`. */
  readonly optionsSchema?: OptionsSchema;
  /** Checks an endpoint that has one of its schemes. `InvalidParameter` names the fault. */
  checkEndpoint?(endpoint: string): Result;
  /**
   * Checks whether this process can reach the endpoint, and returns the reason if not. It leaves no connection or file
   * behind.
   */
  probe(config: ConnectionConfig): Promise<TransportProbe>;
  /**
   * Creates a connection in the state `disconnected`. Throws a `NetworkError` (`InvalidParameter`) for a wrong
   * configuration.
   */
  createConnection(config: ConnectionConfig): NetworkConnection;
  /**
   * Creates a server that does not listen yet. Throws a `NetworkError` (`InvalidParameter`) for a wrong configuration.
   */
  createServer(config: ServerConfig): ConnectionServer;
}

/**
 * A module that registers a transport with `createNetworking`: `load` binds `TRANSPORT` to it. A `ContainerModule` of
 * inversify has the same shape, but a transport does not need inversify.
 */
export interface TransportModule {
  /** Identifies the module; a new symbol, or a number. */
  readonly id: number | symbol;
  /**
   * Binds the transport. `createNetworking` calls it once, before the first connection. If it is a plain object that
   * uses more than `bind` and `toConstantValue`, they throw there, and a second call gets the binder of a container.
   */
  load(options: { readonly bind: TransportBinder }): void | Promise<void>;
}

/** Binds an identifier, as inversify's `bind` does. */
export type TransportBinder = <T>(identifier: symbol) => TransportBinding<T>;

/** The binding of an identifier; `TransportBinder` returns it. */
export interface TransportBinding<T> {
  /** Binds the identifier to `value`. */
  toConstantValue(value: T): unknown;
}

/**
 * The identifier under which modules register transports. Several modules may bind it. `Symbol.for` makes it the same
 * in a second installed copy of this package.
 */
export const TRANSPORT = Symbol.for('@entropynet/core/Transport');
