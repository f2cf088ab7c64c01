import type { BroadcastOptions, BroadcastOutcome } from '../api/broadcast.js';
import type { ConnectionServer } from '../api/connection-server.js';
import type { ResolvedConnectionConfig } from '../config/connection-config.js';
import { describeThrown } from '../result/describe-thrown.js';
import { err, type Failure, OK, type Result } from '../result/result.js';
import { AcceptQueue } from './accept-queue.js';
import { Audience } from './audience.js';
import type { NetworkConnection } from './network-connection.js';

/**
 * The base class of servers. It implements the parts that are the same on every transport: the order of `listen()` and
 * `close()`, the queue of connections that nobody has accepted yet, and `broadcast()`. A transport's server implements
 * the hooks `do...`.
 */
export abstract class NetworkServer implements ConnectionServer {
  /** The queue in which the transport reserves a place for a client, and to which it passes the connection. */
  protected readonly accepted: AcceptQueue<NetworkConnection>;
  readonly #audience = new Audience<NetworkConnection>();
  #listening: Promise<Result> | undefined;
  #closing: Promise<Result> | undefined;
  /** Aborts the present `listen()`, and what it started. */
  #ending: AbortController | undefined;
  #isListening = false;

  /**
   * @param config a resolved configuration; the server calls its `admit` for each client
   * @param capacity the largest number of connections that wait for `accept()`
   */
  protected constructor(
    protected readonly config: ResolvedConnectionConfig,
    capacity: number,
  ) {
    this.accepted = new AcceptQueue(capacity, config.admit, this.#audience.add);
  }

  /**
   * Takes the address, and lets clients in. The base class calls it when the server does not listen yet, and only after
   * an earlier `doClose()` has finished. If it fails, it must leave nothing behind. An exception is a failure.
   * @param signal aborts at `close()`, which waits for this call: a call that takes long then fails early
   */
  protected abstract doListen(signal: AbortSignal): Promise<Result>;

  /**
   * Stops letting clients in, and ends the running handshakes. It is called once after each successful `doListen()`.
   */
  protected abstract doStopAccepting(): void;

  /**
   * Frees the address. It is called after `doStopAccepting()`, when the connections that nobody accepted have ended.
   */
  protected doClose(): Promise<void> | void {
    // A server without an address of its own has nothing to free.
  }

  abstract ref(): void;

  abstract unref(): void;

  abstract address(): string | undefined;

  listen(): Promise<Result> {
    if (this.#listening !== undefined) return this.#listening;
    const ending = new AbortController();
    this.#ending = ending;
    const listening = this.#start(ending.signal).then((result) => {
      // A later call of `listen()` may have replaced the promise.
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
    // A later `listen()` starts again after this `close()`.
    this.#listening = undefined;
    this.#ending?.abort();
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

  async #start(signal: AbortSignal): Promise<Result> {
    if (this.#closing !== undefined) await this.#closing;
    const listening = await this.#listenSafely(signal);
    if (!listening.ok) return listening;
    // This runs in the same turn, so no client has connected in between.
    this.accepted.open();
    this.#isListening = true;
    return OK;
  }

  async #listenSafely(signal: AbortSignal): Promise<Result> {
    try {
      return await this.doListen(signal);
    } catch (error) {
      return thrownBy('listening', error);
    }
  }

  async #stop(listening: Promise<Result> | undefined, closing: Promise<Result> | undefined): Promise<Result> {
    await Promise.all([listening, closing]);
    const wasListening = this.#isListening;
    this.#isListening = false;
    let failure: Failure | undefined;
    try {
      if (wasListening) this.doStopAccepting();
    } catch (error) {
      failure = thrownBy('closing', error);
    }
    // Even if the server does not listen, callers of `accept()` may wait.
    await Promise.all(this.accepted.close().map((connection) => connection.disconnect()));
    try {
      if (wasListening) await this.doClose();
    } catch (error) {
      failure ??= thrownBy('closing', error);
    }
    return failure ?? OK;
  }
}

/** Returns the failure of a call in which the transport threw. */
function thrownBy(call: string, error: unknown): Failure {
  return err('TransportUnavailable', `${call} failed: ${describeThrown(error)}`, error);
}
