import {
  AcceptQueue,
  type ConnectionServer,
  err,
  OK,
  redactEndpoint,
  redactText,
  type ResolvedConnectionConfig,
  type Result,
} from '@entropynet/core';
import type { ConnectionHandle } from './connection-handle.js';
import type { ConnectionManager } from './connection-manager.js';
import { type Candidate, configOf, failureOf, MAX_REASON, type PassedOver, reportFallback } from './selection.js';

/** A candidate with the server that was made for it. */
interface Listener {
  readonly candidate: Candidate;
  readonly server: ConnectionServer;
}

/** Connections that may wait to be accepted, over all transports. */
const BACKLOG = 1024;

/**
 * Listens in every way that a configuration names at once, so that the same configuration serves both ends; `accept`
 * yields whichever way a client came.
 */
export class ManagedServer implements AsyncIterable<ConnectionHandle> {
  readonly #manager: ConnectionManager;
  /** The endpoint as it may be shown. */
  readonly #name: string;
  readonly #log: (line: string) => void;
  readonly #listeners: Listener[];
  readonly #accepted = new AcceptQueue<ConnectionHandle>(BACKLOG);
  /** The manager's servers that it has to close: those that listen or are about to. */
  readonly #listening: Set<ManagedServer>;
  /** Counts calls of `close()`, so that a `listen()` under way sees one. */
  #closes = 0;
  #passedOver: readonly PassedOver[] = [];

  /** Made by `ConnectionManager.createServer`; throws what a transport's `createServer` throws. */
  constructor(
    manager: ConnectionManager,
    config: ResolvedConnectionConfig,
    candidates: readonly Candidate[],
    log: (line: string) => void,
    listening: Set<ManagedServer>,
  ) {
    this.#manager = manager;
    this.#name = redactEndpoint(config.endpoint);
    this.#log = log;
    this.#listening = listening;
    this.#listeners = candidates.map((candidate) => ({
      candidate,
      server: candidate.transport.createServer(configOf(candidate, config)),
    }));
  }

  /**
   * Listens. Ok when at least one way works; `getPassedOver()` says why others do not. A name or port that is taken is
   * an error of the whole: a server that half of its clients can't find would be worse than none.
   */
  async listen(): Promise<Result> {
    if (this.isListening()) return OK;
    this.#accepted.open();
    this.#listening.add(this);
    const closes = this.#closes;
    const passedOver: PassedOver[] = [];
    for (const { candidate, server } of this.#listeners) {
      const listening = await server.listen();
      if (closes !== this.#closes) {
        await server.close();
        return err('ConnectionClosed', 'the server was closed before it listened');
      }
      if (listening.ok) continue;
      const { code, message } = listening.error;
      passedOver.push({
        backend: candidate.transport.backend,
        endpoint: candidate.shown,
        code,
        reason: redactText(message, MAX_REASON),
      });
      if (code !== 'AddressInUse') continue;
      await this.#closeListeners();
      return listening;
    }
    this.#passedOver = passedOver;
    if (!this.isListening()) return failureOf(this.#name, 'can not be listened at', passedOver);
    for (const { backend, endpoint, reason } of passedOver) {
      this.#log(`${this.#name}: not listening over ${backend} (${endpoint}): ${reason}`);
    }
    const taken = this.#listeners.filter(({ server }) => server.isListening());
    reportFallback({
      endpoint: this.#name,
      role: 'server',
      taken: taken.map(({ candidate: { transport, shown } }) => ({ backend: transport.backend, endpoint: shown })),
      passedOver,
    });
    for (const { server } of this.#listeners) if (server.isListening()) void this.#pass(server);
    return OK;
  }

  /** The next connection, adopted. `ConnectionClosed` once the server is closed, `Aborted` by the signal. */
  accept(options?: { signal?: AbortSignal }): Promise<Result<ConnectionHandle>> {
    return this.#accepted.accept(options?.signal);
  }

  /** Stops listening in every way and closes what nobody accepted; accepted handles go on. Idempotent. */
  async close(): Promise<Result> {
    this.#closes += 1;
    this.#listening.delete(this);
    const unaccepted = this.#accepted.close();
    await Promise.all([this.#closeListeners(), ...unaccepted.map((handle) => handle.close())]);
    return OK;
  }

  /** Whether it listens in at least one way. */
  isListening(): boolean {
    return this.#listeners.some(({ server }) => server.isListening());
  }

  /** The addresses that clients can use. */
  addresses(): string[] {
    return this.#listeners.flatMap(({ server }) => server.address() ?? []);
  }

  /** The ways in which it does not listen, and why. */
  getPassedOver(): readonly PassedOver[] {
    return this.#passedOver;
  }

  /** Listening keeps the process alive (the default). */
  ref(): void {
    for (const { server } of this.#listeners) server.ref();
  }

  /** Listening does not keep the process alive. */
  unref(): void {
    for (const { server } of this.#listeners) server.unref();
  }

  /** Accepts until the server is closed. */
  [Symbol.asyncIterator](): AsyncIterator<ConnectionHandle> {
    return this.#accepted.iterate();
  }

  /** As `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Adopts what one transport accepts, until its server is closed. */
  async #pass(server: ConnectionServer): Promise<void> {
    for await (const connection of server) {
      const adopted = this.#manager.adoptConnection(connection);
      if (!adopted.ok) {
        this.#log(`${this.#name}: a client was turned away: ${adopted.error.message}`);
        // Not waited for: a client that is turned away and reads nothing holds up no other.
        void connection.disconnect();
      } else if (!this.#accepted.push(adopted.value)) void adopted.value.close();
    }
  }

  async #closeListeners(): Promise<void> {
    await Promise.all(this.#listeners.map(({ server }) => server.close()));
  }
}
