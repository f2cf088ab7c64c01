import type { ConnectionConfig, ServerConfig } from '../config/connection-config.js';
import type { ConnectionBackend, ConnectionType } from './connection-types.js';
import type { NetworkConnection } from '../lifecycle/network-connection.js';
import type { OptionsSchema } from '../config/transport-sections.js';
import type { Result } from '../result/result.js';
import type { NetworkError } from '../result/network-error.js';
import type { ConnectionServer } from './connection-server.js';

/** Whether an endpoint can be reached from here. */
export type TransportProbe =
  | {
      /** It can. */
      readonly available: true;
    }
  | {
      /** It can't. */
      readonly available: false;
      /** One sentence that a person can act on. */
      readonly reason: string;
      /** The same with a code, where one fits better than `TransportUnavailable`. */
      readonly error?: NetworkError;
    };

/** What differs between transports, so that programs and the conformance suite can ask instead of knowing names. */
export interface TransportCapabilities {
  /** `sendUnreliable` has a path of its own; without it, it is as reliable as `send`. */
  readonly unreliable: boolean;
  /** `claim` and borrowed messages touch the peer's memory directly. */
  readonly zeroCopy: boolean;
  /** The two sides may be in different processes. */
  readonly crossProcess: boolean;
  /** The death of the peer is an event of the operating system. */
  readonly detectsPeerDeath: boolean;
  /** A peer that is alive and does not read is reported. */
  readonly detectsUnresponsive: boolean;
}

/**
 * What a plugin registers: a way for bytes to travel. See `docs/writing-a-transport.md`.
 */
export interface Transport {
  /** The name in configurations and logs; unique among the registered transports. */
  readonly backend: ConnectionBackend;
  /** The endpoint schemes it serves, without `://`, in lower case. */
  readonly schemes: readonly string[];
  /** A `local` transport also serves bare names. */
  readonly connectionType: ConnectionType;
  /** Frozen, and the same in every instance. */
  readonly capabilities: TransportCapabilities;
  /** `connect()` tells why an endpoint can't be reached as soon as `probe` would: nobody has to ask before. False without it. */
  readonly isProbedByConnecting?: boolean;
  /** Its rank where several transports serve an endpoint: a higher one is tried first. @default 0 */
  readonly preference?: number;
  /** The key of its section in a configuration; without it, it has none and reads `transportOptions`. */
  readonly optionsKey?: string;
  /** Checks that section and fills in the defaults; see `defineTransportSection`. */
  readonly optionsSchema?: OptionsSchema;
  /** Whether an endpoint with one of its schemes is one of its addresses. `InvalidParameter` says what is wrong. */
  checkEndpoint?(endpoint: string): Result;
  /** Can it reach that endpoint from here, and if not, why? Opens no `NetworkConnection` and leaves nothing behind. */
  probe(config: ConnectionConfig): Promise<TransportProbe>;
  /** A connection in state `disconnected`. Throws a `NetworkError` (`InvalidParameter`) for a wrong configuration. */
  createConnection(config: ConnectionConfig): NetworkConnection;
  /** A server that does not listen yet. Throws a `NetworkError` (`InvalidParameter`) for a wrong configuration. */
  createServer(config: ServerConfig): ConnectionServer;
}

/**
 * Registers a transport with `createNetworking`: `load` binds `TRANSPORT` to it. A `ContainerModule` of inversify has the same
 * shape; a transport needs no inversify.
 */
export interface TransportModule {
  /** Tells modules apart; a symbol of its own. */
  readonly id: number | symbol;
  /** Called once, before the first connection. */
  load(options: { readonly bind: TransportBinder }): void | Promise<void>;
}

/** Binds an identifier, as inversify's `bind` does. */
export type TransportBinder = <T>(identifier: symbol) => TransportBinding<T>;

/** What `TransportBinder` gives for an identifier. */
export interface TransportBinding<T> {
  /** Makes `value` what the identifier stands for. */
  toConstantValue(value: T): unknown;
}

/** The inversify service identifier: every plugin is a multi-binding of it. `Symbol.for` survives a second installed copy. */
export const TRANSPORT = Symbol.for('@entropynet/core/Transport');
