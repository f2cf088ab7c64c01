import {
  type AcceptPlace,
  AcceptQueue,
  type Admission,
  Audience,
  type BroadcastOptions,
  type BroadcastOutcome,
  changeConfig,
  type ConnectionServer,
  err,
  type NetworkConnection,
  OK,
  ok,
  redactEndpoint,
  redactText,
  type ResolvedConnectionConfig,
  type Result,
} from '@entropynet/core';
import type { ConnectionHandle } from './connection-handle.js';
import { type Candidate, configOf, failureOf, MAX_REASON, type PassedOver, reportFallback } from './selection.js';

/** A candidate with the server that was made for it. */
interface Listener {
  readonly candidate: Candidate;
  readonly server: ConnectionServer;
  readonly promised: Promised[];
}

/** A slot of the manager that waits for its connection. One of the two is called, once. */
export interface Reservation {
  /** Adopts the connection; a connection that can't be adopted gives the slot back. */
  adopt(connection: NetworkConnection): Result<ConnectionHandle>;
  release(): void;
}

/** What a client has before its handshake ends: one is as good as another. */
interface Promised {
  readonly reservation: Reservation;
  readonly place: AcceptPlace<ConnectionHandle>;
}

/** Connections that may wait to be accepted, over all transports. */
const BACKLOG = 1024;

/**
 * Listens in every way that a configuration names at once, so that the same configuration serves both ends; `accept`
 * yields whichever way a client came.
 */
export class ManagedServer implements AsyncIterable<ConnectionHandle> {
  readonly #reserve: () => Result<Reservation>;
  /** The endpoint as it may be shown. */
  readonly #name: string;
  readonly #log: (line: string) => void;
  readonly #listeners: Listener[];
  readonly #audience = new Audience<ConnectionHandle>();
  readonly #accepted: AcceptQueue<ConnectionHandle>;
  /** The manager's servers that it has to close: those that listen or are about to. */
  readonly #listening: Set<ManagedServer>;
  /** Counts calls of `close()`, so that a `listen()` under way sees one. */
  #closes = 0;
  #closing: Promise<Result> | undefined;
  #passedOver: readonly PassedOver[] = [];
  /** Whether the client before was turned away: one line in the log tells of all. */
  #isRefusing = false;

  /** Made by `ConnectionManager.createServer`; throws what a transport's `createServer` throws. */
  constructor(
    reserve: () => Result<Reservation>,
    config: ResolvedConnectionConfig,
    candidates: readonly Candidate[],
    log: (line: string) => void,
    listening: Set<ManagedServer>,
  ) {
    this.#reserve = reserve;
    this.#accepted = new AcceptQueue(BACKLOG, config.admit, this.#audience.add);
    this.#name = redactEndpoint(config.endpoint);
    this.#log = log;
    this.#listening = listening;
    this.#listeners = candidates.map((candidate) => {
      const promised: Promised[] = [];
      const own = changeConfig(configOf(candidate, config), { admit: () => this.#admit(promised) });
      return { candidate, promised, server: candidate.transport.createServer(own) };
    });
  }

  /**
   * Listens. Ok when at least one way works; `getPassedOver()` says why others do not. A name or port that is taken is
   * an error of the whole: a server that half of its clients can't find would be worse than none.
   */
  async listen(): Promise<Result> {
    const closes = this.#closes;
    // Until a close is done, the transports' servers seem to listen.
    if (this.#closing !== undefined) await this.#closing;
    if (closes !== this.#closes) return err('ConnectionClosed', 'the server was closed before it listened');
    if (this.isListening()) return OK;
    this.#accepted.open();
    this.#listening.add(this);
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
      this.#listening.delete(this);
      return listening;
    }
    this.#passedOver = passedOver;
    if (!this.isListening()) {
      this.#listening.delete(this);
      return failureOf(this.#name, 'could not listen on any transport', passedOver);
    }
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
    for (const listener of this.#listeners) if (listener.server.isListening()) void this.#pass(listener);
    return OK;
  }

  /** The next connection, adopted. `ConnectionClosed` once the server is closed, `Aborted` by the signal. */
  accept(options?: { signal?: AbortSignal }): Promise<Result<ConnectionHandle>> {
    return this.#accepted.acceptWith(options);
  }

  /** Sends one message to every accepted connection that has not ended: see `ConnectionServer.broadcast`. */
  broadcast(data: Uint8Array, options?: BroadcastOptions): Result<BroadcastOutcome<ConnectionHandle>> {
    return this.#audience.broadcast(data, options);
  }

  /** Stops listening in every way and closes what nobody accepted; accepted handles go on. Idempotent. */
  close(): Promise<Result> {
    this.#closing = this.#stopListening();
    return this.#closing;
  }

  async #stopListening(): Promise<Result> {
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

  /** A slot and a place in the queue, before the transport tells a client that it is connected. */
  #admit(promised: Promised[]): Result<Admission> {
    const reserved = this.#reserve();
    const place = reserved.ok ? this.#accepted.admit() : reserved;
    if (!reserved.ok || !place.ok) {
      if (reserved.ok) reserved.value.release();
      return this.#refuse(place);
    }
    this.#isRefusing = false;
    promised.push({ reservation: reserved.value, place: place.value });
    return ok({
      release: () => {
        const unused = promised.pop();
        unused?.reservation.release();
        unused?.place.release();
      },
    });
  }

  #refuse<T extends Result<unknown>>(refusal: T): T {
    if (!refusal.ok && !this.#isRefusing) this.#log(`${this.#name}: a client was refused: ${refusal.error.message}`);
    this.#isRefusing = true;
    return refusal;
  }

  /** Adopts what one transport accepts, until its server is closed. */
  async #pass({ server, promised }: Listener): Promise<void> {
    for await (const connection of server) {
      // A transport that does not ask `admit` has nothing promised.
      if (promised.length === 0) this.#admit(promised);
      const next = promised.shift();
      const adopted = next?.reservation.adopt(connection);
      if (adopted?.ok === true) {
        if (next?.place.push(adopted.value) !== true) void adopted.value.close();
        continue;
      }
      next?.place.release();
      if (adopted !== undefined) this.#refuse(adopted);
      // Not waited for: a client that is turned away and reads nothing holds up no other.
      void connection.disconnect();
    }
  }

  async #closeListeners(): Promise<void> {
    await Promise.all(this.#listeners.map(({ server }) => server.close()));
  }
}
