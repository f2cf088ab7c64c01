import {
  type AcceptPlace,
  AcceptQueue,
  type Admission,
  Audience,
  type BroadcastOptions,
  type BroadcastOutcome,
  err,
  type NetworkConnection,
  OK,
  ok,
  redactEndpoint,
  type ResolvedConnectionConfig,
  type Result,
} from '@entropynet/core';
import { hold } from '@entropynet/core/handle';
import { setTimerReferenced, startTimer, stopTimer, type Timer } from '@entropynet/core/platform';
import type { ConnectionHandle } from './connection-handle.js';
import { Listener, type Promised, reportMissing } from './listener.js';
import type { MissingAddress } from './missing-address.js';
import type { Reservation } from './reservation.js';
import { type Candidate, failureOf } from './selection.js';
import { tryTransport } from './thrown-by-transports.js';

/** The largest number of connections that wait for `accept()`, over all transports. */
const BACKLOG = 1024;

/** The waits before a server tries its missing addresses again, in milliseconds. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5000;

/**
 * A server of a manager. It listens on every endpoint of a configuration at once, so both ends can use the same
 * configuration. `accept()` returns the clients of all transports.
 */
export class ManagedServer implements AsyncIterable<ConnectionHandle> {
  readonly #reserve: () => Result<Reservation>;
  /** The endpoint without secrets, for messages. */
  readonly #name: string;
  /** Writes one line about this server. It runs code of the program, which may close the server. */
  readonly #log: (line: string) => void;
  readonly #listeners: Listener[];
  readonly #audience = new Audience<ConnectionHandle>();
  readonly #accepted: AcceptQueue<ConnectionHandle>;
  /** The manager's servers that listen or are about to. The manager closes them. */
  readonly #listening: Set<ManagedServer>;
  /** Counts calls of `close()`, so that a running `listen()` notices one. */
  #closes = 0;
  #closing: Promise<Result> | undefined;
  /** The running `listen()`, and how many calls of `close()` came before it. */
  #opening: { readonly closes: number; readonly result: Promise<Result> } | undefined;
  /** The timer for the next attempt on the missing addresses, or the timer that has started the running one. */
  #retry: Timer | undefined;
  /** Whether the previous client was refused: the log gets one line for all of them. */
  #isRefusing = false;

  /** Only `ConnectionManager.createServer` calls it. It throws the errors of a transport's `createServer`. */
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
    this.#log = (line) => {
      log(`${this.#name}: ${line}`);
    };
    this.#listening = listening;
    this.#listeners = candidates.map(
      (candidate) => new Listener(candidate, config, (promised) => this.#admit(promised), this.#log),
    );
  }

  /**
   * Starts listening. Returns ok if at least one endpoint works; `getPassedOver()` returns the reasons for the others,
   * and the server tries those again whose cause can pass by itself. If another server has one of the names or ports,
   * the whole call fails with `AddressInUse`: otherwise some clients would reach that server.
   */
  listen(): Promise<Result> {
    const closes = this.#closes;
    // A second run would adopt and try again beside the first.
    if (this.#opening?.closes !== closes) {
      const result = this.#listen(closes).finally(() => {
        if (this.#opening?.result === result) this.#opening = undefined;
      });
      this.#opening = { closes, result };
    }
    return this.#opening.result;
  }

  async #listen(closes: number): Promise<Result> {
    // Before the wait, so that the manager also closes a server that waits.
    this.#listening.add(this);
    // The transports' servers seem to listen until `close()` is done.
    if (this.#closing !== undefined) await this.#closing;
    if (closes !== this.#closes) return err('ConnectionClosed', 'the server was closed before it listened');
    if (this.isListening()) return OK;
    // One transport may have clients while the next one begins to listen.
    const wasClosed = this.#accepted.open();
    for (const listener of this.#listeners) {
      const listening = await this.#listenOn(listener);
      if (closes !== this.#closes) return err('ConnectionClosed', 'the server was closed before it listened');
      if (listening.ok || listening.error.code !== 'AddressInUse') continue;
      await this.#closeListeners();
      // After a `close()` meanwhile, a later `listen()` may have begun.
      if (closes === this.#closes) this.#giveUp(wasClosed);
      return listening;
    }
    if (!this.isListening()) {
      this.#giveUp(wasClosed);
      return failureOf(this.#name, 'could not listen on any transport', this.getPassedOver());
    }
    reportMissing(this.#name, this.#listeners, this.#log);
    if (closes !== this.#closes) return err('ConnectionClosed', 'the server was closed before it listened');
    for (const listener of this.#listeners) if (listener.isListening) void this.#pass(listener);
    this.#retryAfter(FIRST_WAIT_MS);
    return OK;
  }

  /** Takes back the beginning of a `listen()` that failed. After a `close()`, callers of `accept()` must not wait. */
  #giveUp(wasClosed: boolean): void {
    this.#listening.delete(this);
    if (wasClosed) this.#accepted.close();
  }

  /**
   * Waits for the next connection and returns its handle. `ConnectionClosed`: the server is closed. `Aborted`: the
   * signal ended the wait.
   */
  accept(options?: { signal?: AbortSignal }): Promise<Result<ConnectionHandle>> {
    return this.#accepted.acceptWith(options);
  }

  /** Sends one message to every accepted connection that has not ended: see `ConnectionServer.broadcast`. */
  broadcast(data: Uint8Array, options?: BroadcastOptions): Result<BroadcastOutcome<ConnectionHandle>> {
    return this.#audience.broadcast(data, options);
  }

  /**
   * Stops listening, and closes connections that nobody has accepted. Accepted handles stay open. A second call has no
   * effect.
   */
  close(): Promise<Result> {
    // Stored before it starts: the `release()` of an admission may call `listen()`, which waits for it.
    return hold(
      (closing) => {
        this.#closing = closing;
      },
      () => this.#stopListening(),
    );
  }

  async #stopListening(): Promise<Result> {
    this.#closes += 1;
    stopTimer(this.#retry);
    this.#retry = undefined;
    this.#listening.delete(this);
    const unaccepted = this.#accepted.close();
    await Promise.all([this.#closeListeners(), ...unaccepted.map((handle) => handle.close())]);
    return OK;
  }

  /** Whether it listens on at least one endpoint. */
  isListening(): boolean {
    return this.#listeners.some(({ isListening }) => isListening);
  }

  /** Returns the addresses that clients can use. */
  addresses(): string[] {
    return this.#listeners.flatMap((listener) => listener.address() ?? []);
  }

  /** Returns the endpoints on which it does not listen now, with the reasons. A later attempt can shorten the list. */
  getPassedOver(): readonly MissingAddress[] {
    return this.#listeners.flatMap(({ missing }) => missing ?? []);
  }

  /** Makes the listening server keep the process alive (the default). */
  ref(): void {
    for (const listener of this.#listeners) listener.setReferenced(true);
  }

  /** Lets the process end although the server listens. */
  unref(): void {
    for (const listener of this.#listeners) listener.setReferenced(false);
  }

  /** Yields accepted connections until the server is closed. */
  [Symbol.asyncIterator](): AsyncIterator<ConnectionHandle> {
    return this.#accepted.iterate();
  }

  /** Calls `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Tries to listen on one endpoint. Closes it again if `close()` was called meanwhile. */
  async #listenOn(listener: Listener): Promise<Result> {
    const closes = this.#closes;
    const listening = await listener.listen();
    if (closes !== this.#closes) await listener.close();
    return listening;
  }

  /** Plans the next attempt, unless one is planned. It keeps no process alive: the endpoints that work do that. */
  #retryAfter(waitMs: number): void {
    if (this.#retry !== undefined || !this.getPassedOver().some(({ isRetried }) => isRetried)) return;
    this.#retry = startTimer(() => void this.#retryMissing(waitMs), waitMs);
    setTimerReferenced(this.#retry, false);
  }

  async #retryMissing(waitMs: number): Promise<void> {
    const closes = this.#closes;
    for (const listener of this.#listeners) {
      if (listener.missing?.isRetried !== true) continue;
      const listening = await this.#listenOn(listener);
      if (closes !== this.#closes) return;
      if (!listening.ok) continue;
      this.#log(`listening over ${listener.name} now`);
      if (closes !== this.#closes) return;
      void this.#pass(listener);
    }
    this.#retry = undefined;
    this.#retryAfter(Math.min(2 * waitMs, LONGEST_WAIT_MS));
  }

  /** Reserves a slot and a place in the queue before the client's `connect()` resolves. */
  #admit(promised: Promised[]): Result<Admission> {
    const reserved = this.#reserve();
    const place = reserved.ok ? this.#place() : reserved;
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

  /** Reserves a place in the queue. Clients that left before the program accepted them, without a message, take none. */
  #place(): Result<AcceptPlace<ConnectionHandle>> {
    return this.#accepted.admitInsteadOf(
      ({ isAbandoned }) => isAbandoned,
      (left) => void left.close(),
    );
  }

  #refuse<T extends Result<unknown>>(refusal: T): T {
    if (!refusal.ok && !this.#isRefusing) this.#log(`a client was refused: ${refusal.error.message}`);
    this.#isRefusing = true;
    return refusal;
  }

  /**
   * Adopts the connections of one transport until its server is closed. A transport's server that throws is closed. If
   * it was the last one that listened, the whole server is: also if the transport has closed it.
   */
  async #pass(listener: Listener): Promise<void> {
    const closes = this.#closes;
    const error = await listener.pass((connection) => {
      this.#adopt(listener, connection);
    });
    if (closes !== this.#closes) return;
    await listener.close();
    if (closes !== this.#closes) return;
    listener.fail(error);
    if (closes !== this.#closes) return;
    if (this.isListening()) this.#retryAfter(LONGEST_WAIT_MS);
    else await this.close();
  }

  #adopt({ candidate, promised }: Listener, connection: NetworkConnection): void {
    // A transport that does not call `admit` has reserved nothing.
    if (promised.length === 0) this.#admit(promised);
    const next = promised.shift();
    const adopted = next?.reservation.adopt(connection);
    if (adopted?.ok === true) {
      if (next?.place.push(adopted.value) !== true) void adopted.value.close();
      return;
    }
    next?.place.release();
    if (adopted !== undefined) this.#refuse(adopted);
    // Not awaited: a refused client that reads nothing must not delay the others.
    void tryTransport(candidate.transport, () => connection.disconnect());
  }

  async #closeListeners(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }
}
