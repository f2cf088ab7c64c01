import type { NetworkConnection } from '../lifecycle/network-connection.js';
import type { Result } from '../result/result.js';
import type { BroadcastOptions, BroadcastOutcome } from './broadcast.js';

/** Listens on one endpoint and yields the connections that clients make to it. */
export interface ConnectionServer extends AsyncIterable<NetworkConnection> {
  /** Starts to listen. `AddressInUse`, or the transport's own codes. Listening already is ok. */
  listen(): Promise<Result>;

  /**
   * The next connection: connected, with nothing received yet. The caller sets the callbacks and then calls
   * `startReceiving()`; what the peer sent until then is kept. `ConnectionClosed` once the server is closed,
   * `Aborted` by the signal. The caller owns the connection.
   */
  accept(options?: { signal?: AbortSignal }): Promise<Result<NetworkConnection>>;

  /**
   * Sends one message to every connection that `accept()` gave and that has not ended, also after `close()`. Never waits: a
   * connection without room is skipped, and holds up no other. Of a message that its transport began and could not take
   * whole, each connection holds the rest, one message at most; nothing else is kept. The caller may use the bytes again at
   * once. Ok also where nobody took the message; `InvalidParameter`: an impossible channel name.
   */
  broadcast(data: Uint8Array, options?: BroadcastOptions): Result<BroadcastOutcome<NetworkConnection>>;

  /** Stops listening and ends connections that nobody accepted; accepted ones go on. Idempotent. */
  close(): Promise<Result>;

  /** Whether clients are let in: from `listen()` resolved ok until `close()` was called. */
  isListening(): boolean;

  /** Listening keeps the process alive (the default). */
  ref(): void;

  /** Listening does not keep the process alive. */
  unref(): void;

  /** The address that clients use, with the real port where port 0 was asked for; undefined while not listening. */
  address(): string | undefined;

  /** Accepts until the server is closed. */
  [Symbol.asyncIterator](): AsyncIterator<NetworkConnection>;

  /** Closes. */
  [Symbol.asyncDispose](): Promise<void>;
}
