import type { BroadcastOptions, BroadcastOutcome } from '../api/broadcast.js';
import type { ConnectionServer } from '../api/connection-server.js';
import type { ResolvedConnectionConfig } from '../config/connection-config.js';
import { OK, type Result } from '../result/result.js';
import { AcceptQueue } from './accept-queue.js';
import { Audience } from './audience.js';
import type { NetworkConnection } from './network-connection.js';

/**
 * The part of a server that is the same on every transport: the order of `listen()` and `close()`, the queue of connections
 * that nobody accepted yet, and `broadcast()`. A transport's server extends it and fills in the hooks `do…`.
 */
export abstract class NetworkServer implements ConnectionServer {
  /** Where the transport reserves a place for a client and offers its connection. */
  protected readonly accepted: AcceptQueue<NetworkConnection>;
  readonly #audience = new Audience<NetworkConnection>();
  #listening: Promise<Result> | undefined;
  #closing: Promise<Result> | undefined;
  #isListening = false;

  /**
   * @param config resolved; its `admit` is asked for a place for each client
   * @param capacity how many connections may wait to be accepted
   */
  protected constructor(
    protected readonly config: ResolvedConnectionConfig,
    capacity: number,
  ) {
    this.accepted = new AcceptQueue(capacity, config.admit, this.#audience.add);
  }

  /**
   * Takes the address, and lets clients in from now on. Called once for each `listen()` that has something to do, and only when
   * an earlier `doClose()` has finished. After a failure it leaves nothing behind.
   */
  protected abstract doListen(): Promise<Result>;

  /** Lets no client in any more, and ends the handshakes under way. Called once after each `doListen()` that succeeded. */
  protected abstract doStopAccepting(): void;

  /** Gives the address back. Called after `doStopAccepting()`, when the connections that nobody accepted have ended. */
  protected doClose(): Promise<void> | void {
    // Without an address of its own a server has nothing to give back.
  }

  abstract ref(): void;

  abstract unref(): void;

  abstract address(): string | undefined;

  listen(): Promise<Result> {
    if (this.#listening !== undefined) return this.#listening;
    const listening = this.#start().then((result) => {
      // By now there may be a later one.
      if (!result.ok && this.#listening === listening) this.#listening = undefined;
      return result;
    });
    this.#listening = listening;
    return listening;
  }

  accept(options?: { signal?: AbortSignal }): Promise<Result<NetworkConnection>> {
    return this.accepted.acceptWith(options);
  }

  broadcast(data: Uint8Array, options?: BroadcastOptions): Result<BroadcastOutcome<NetworkConnection>> {
    return this.#audience.broadcast(data, options);
  }

  close(): Promise<Result> {
    const listening = this.#listening;
    // A `listen()` from here on is one more, after this.
    this.#listening = undefined;
    const closing = this.#stop(listening, this.#closing);
    this.#closing = closing;
    return closing;
  }

  isListening(): boolean {
    return this.#isListening;
  }

  [Symbol.asyncIterator](): AsyncIterator<NetworkConnection> {
    return this.accepted.iterate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #start(): Promise<Result> {
    if (this.#closing !== undefined) await this.#closing;
    const listening = await this.doListen();
    if (!listening.ok) return listening;
    // In the same turn: no client has come in between.
    this.accepted.open();
    this.#isListening = true;
    return OK;
  }

  async #stop(listening: Promise<Result> | undefined, closing: Promise<Result> | undefined): Promise<Result> {
    await Promise.all([listening, closing]);
    const wasListening = this.#isListening;
    this.#isListening = false;
    if (wasListening) this.doStopAccepting();
    // Also where nothing listens: callers of `accept()` may wait.
    await Promise.all(this.accepted.close().map((connection) => connection.disconnect()));
    if (wasListening) await this.doClose();
    return OK;
  }
}
