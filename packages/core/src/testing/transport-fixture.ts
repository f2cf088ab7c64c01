import type { ConnectionConfig } from '../connection/connection-config.js';
import type { Transport } from '../transport/transport.js';

/** What the conformance suite needs to know of a transport. */
export interface TransportFixture {
  /** A new transport; the suite makes several and compares their capabilities. */
  createTransport(): Transport;

  /**
   * A configuration for an endpoint that nobody used before. A server made from it listens at once; `clientConfig` turns
   * the listening server's address into the client's configuration.
   */
  freshConfig(): ConnectionConfig;

  /** The client's configuration for a server that listens at `address` (`ConnectionServer.address()`). */
  clientConfig(config: ConnectionConfig, address: string): ConnectionConfig;

  /**
   * The module that exports the transport's class and the class's name, so that a forked process or a worker can make
   * one; undefined where both sides must be in one thread.
   */
  readonly peerModule?: { readonly specifier: string; readonly className: string };

  /** Why the transport can't run on this machine; undefined where it can. */
  unavailableReason?(): Promise<string | undefined>;
}
