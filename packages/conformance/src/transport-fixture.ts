import type { ConnectionConfig, NetworkErrorCode, Transport } from '@entropynet/core';
import type { PeerHost } from './peer/peer-host.js';
import type { PeerModule } from './peer/peer-module.js';

/** The description of a transport for the conformance suite. */
export interface TransportFixture {
  /** Makes a new transport. The suite makes several and compares their capabilities. */
  createTransport(): Transport;

  /**
   * Returns a configuration for an unused endpoint. The suite makes a server from it and lets it listen. `clientConfig`
   * turns the address of that server into the client's configuration.
   */
  freshConfig(): ConnectionConfig;

  /** Returns the client's configuration for a server that listens at `address` (`ConnectionServer.address()`). */
  clientConfig(config: ConnectionConfig, address: string): ConnectionConfig;

  /**
   * The module that exports the transport's class and the class's name, so that a forked process or a worker can make
   * one. A package name, or the URL of a file.
   */
  readonly peerModule: PeerModule;

  /**
   * Starts a peer that is not a Node.js program and does not use `peerModule`, such as the transport in another language.
   * The peer then always runs in another process, and the suite leaves out the chapters for which both ends must be in one
   * thread.
   */
  startPeer?(): Promise<PeerHost>;

  /**
   * Whether the transport can't listen, for example in a page. The servers are then those of `peerModule`, in another
   * process, and the suite leaves out the chapters for which both ends must be in one thread.
   * @default false
   */
  readonly isClientOnly?: boolean;

  /** The error code of `connect()` if nobody listens. @default 'TransportUnavailable' */
  readonly absenceCode?: NetworkErrorCode;

  /**
   * Returns settings with which the medium (a ring, a socket's buffer) holds about that many bytes in each direction,
   * so that it is full before the window of a channel is. Required if the size of the medium can be set.
   */
  mediumOf?(bytes: number): Partial<ConnectionConfig>;

  /** Settings with which the transport soon detects a peer that stops reading. Required for `detectsUnresponsive`. */
  readonly quickDetection?: Partial<ConnectionConfig>;

  /**
   * Returns the names of files and regions that the transport has. Empty after every connection and server is closed.
   */
  leftovers?(): Promise<readonly string[]>;

  /** Prepares resources for all tests, such as a message broker. The suite calls it once, before the first test. */
  prepare?(): Promise<void>;

  /** Releases the resources of the fixture. The suite calls it once, after the last test. */
  dispose?(): Promise<void>;

  /** Returns the reason why the transport can't run on this machine; undefined if it can. */
  unavailableReason?(): Promise<string | undefined>;
}
