import type { NetworkConnection } from '../lifecycle/network-connection.js';
import type { Result } from '../result/result.js';
import type { BroadcastOptions, BroadcastOutcome } from './broadcast.js';

/** A server: it listens on one endpoint and returns the connections of its clients. */
export interface ConnectionServer extends AsyncIterable<NetworkConnection> {
  /**
   * Starts listening. Returns ok if the server listens already. `AddressInUse`: another server listens on the endpoint.
   * A transport may return further codes (`docs/errors.md`).
   */
  listen(): Promise<Result>;

  /**
   * Waits for the next connection. The connection is connected and delivers nothing yet: the caller sets the callbacks
   * and then calls `startReceiving()`. The connection keeps the messages that arrive before that. The caller owns the
   * connection. `ConnectionClosed`: the server is closed. `Aborted`: the signal ended the wait.
   */
  accept(options?: { signal?: AbortSignal }): Promise<Result<NetworkConnection>>;

  /**
   * Sends one message to every connection that `accept()` returned and that has not ended, also after `close()`. It
   * never waits: it skips a connection without room. If a transport accepts only the beginning of the message, its
   * connection keeps a copy of the rest, for at most one message. The caller may change the bytes as soon as the call
   * has returned. The result is ok even if no connection accepted the message. `InvalidParameter`: an invalid channel
   * name.
   */
  broadcast(data: Uint8Array, options?: BroadcastOptions): Result<BroadcastOutcome<NetworkConnection>>;

  /**
   * Stops listening and ends connections that nobody has accepted. Accepted connections stay open. A second call has no
   * effect.
   */
  close(): Promise<Result>;

  /** Whether clients can connect: true from the moment at which `listen()` resolved ok until the call of `close()`. */
  isListening(): boolean;

  /** Makes the listening server keep the process alive (the default). */
  ref(): void;

  /** Lets the process end although the server listens. */
  unref(): void;

  /** The address for clients; for port 0 it contains the real port. Undefined while the server does not listen. */
  address(): string | undefined;

  /** Yields accepted connections until the server is closed. */
  [Symbol.asyncIterator](): AsyncIterator<NetworkConnection>;

  /** Calls `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
