import type { ConnectionConfig, NetworkErrorCode, Transport } from '@entropynet/core';

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
   * one. A package name, or the URL of a file.
   */
  readonly peerModule: {
    /** As `import()` takes it. */
    readonly specifier: string;
    /** The exported class; it is made without arguments. */
    readonly className: string;
  };

  /**
   * The transport can't listen, as in a page. The servers are those of `peerModule`, in another process; the chapters for
   * which both ends must be in one thread are left out. @default false
   */
  readonly isClientOnly?: boolean;

  /** The code of `connect()` where nobody listens. @default 'TransportUnavailable' */
  readonly absenceCode?: NetworkErrorCode;

  /**
   * Settings with which the medium (a ring, a socket's buffer) holds about so many bytes in each direction, so that it is
   * full before the window of a channel is; needed where the size of the medium can be set.
   */
  mediumOf?(bytes: number): Partial<ConnectionConfig>;

  /** Settings with which a peer that stops reading is noticed soon; needed where `detectsUnresponsive` is set. */
  readonly quickDetection?: Partial<ConnectionConfig>;

  /** The names of what the transport left behind (files, regions); empty once every connection and server is closed. */
  leftovers?(): Promise<readonly string[]>;

  /** Makes what every test needs, such as a server of a message broker. Called once, before the first test. */
  prepare?(): Promise<void>;

  /** Gives back what the fixture itself made. Called once, after the last test. */
  dispose?(): Promise<void>;

  /** Why the transport can't run on this machine; undefined where it can. */
  unavailableReason?(): Promise<string | undefined>;
}
