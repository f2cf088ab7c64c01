import {
  type ConnectionState,
  debugLog,
  DiagnosticsChannel,
  err,
  type FailureDiagnostics,
  type NetworkConnection,
  NetworkError,
  OK,
  publishDiagnostics,
  redactEndpoint,
  redactText,
  type ResolvedConnectionConfig,
  type Result,
} from '@entropynet/core';
import { NO_RECONNECTION, type ReconnectionStatus } from './handle-events.js';
import type { MetricsTally } from './metrics-tally.js';
import { Reconnection } from './reconnection.js';
import {
  type Candidate,
  configOf,
  describeSelection,
  failureOf,
  MAX_REASON,
  type PassedOver,
  reportFallback,
  type Selection,
} from './selection.js';
import { UserCallbacks } from './user-callbacks.js';

const log = debugLog('manager');

/** What a handle needs to make a connection. */
export interface DialPlan {
  readonly config: ResolvedConnectionConfig;
  readonly candidates: readonly Candidate[];
}

const MAX_GENERATION = 0xffff_ffff;

/**
 * The place of one connection in a manager. Allocated once and used again under a new generation, so that a handle finds
 * its connection with one comparison and never another's.
 */
export class ConnectionSlot {
  readonly index: number;
  /** Starts at 1; every `release` makes the handles before it invalid. */
  generation = 1;
  /** Between being taken and being released. */
  isInUse = false;
  /** Undefined before the first selection succeeded. */
  connection: NetworkConnection | undefined;
  selection: Selection | undefined;
  readonly callbacks = new UserCallbacks();

  readonly #tally: MetricsTally;
  readonly #log: (line: string) => void;
  #plan: DialPlan | undefined;
  #state: ConnectionState = 'disconnected';
  #connecting: { promise: Promise<Result>; controller: AbortController } | undefined;
  #isReferenced = true;
  #reconnection: Reconnection | undefined;
  /** The connection that this side is ending: its end is no reason to connect again. */
  #left: NetworkConnection | undefined;

  constructor(index: number, tally: MetricsTally, log: (line: string) => void) {
    this.index = index;
    this.#tally = tally;
    this.#log = log;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Takes the slot into use for a connection that is to be made. */
  plan(plan: DialPlan): void {
    this.#plan = plan;
    this.#state = 'disconnected';
    const policy = plan.config.reconnect;
    if (policy === undefined) return;
    this.#reconnection = new Reconnection(policy, {
      attempt: () => void this.connect(undefined),
      emit: (event, ...values) => {
        this.callbacks.emit(event, ...values);
      },
    });
  }

  get reconnection(): ReconnectionStatus {
    return this.#reconnection?.status ?? NO_RECONNECTION;
  }

  /** Takes the slot into use for a connection that exists; its state is the one at this moment. */
  adopt(connection: NetworkConnection, selection: Selection): void {
    this.#plan = undefined;
    this.selection = selection;
    this.#use(connection);
    connection.startReceiving();
  }

  connect(signal: AbortSignal | undefined): Promise<Result> {
    if (this.#connecting !== undefined) return this.#connecting.promise;
    if (this.connection?.isConnected() === true) return Promise.resolve(OK);
    const plan = this.#plan;
    if (plan === undefined) return this.connection?.connect() ?? Promise.resolve(stale());
    this.#reconnection?.attempting();
    const controller = new AbortController();
    const promise = this.#select(plan, controller, signal);
    this.#connecting = { promise, controller };
    return promise;
  }

  async disconnect(signal?: AbortSignal): Promise<Result> {
    const connecting = this.#connecting;
    this.#reconnection?.stop();
    this.#left = this.connection;
    if (connecting === undefined) return this.connection?.disconnect(signal === undefined ? {} : { signal }) ?? OK;
    this.#report('disconnecting');
    connecting.controller.abort();
    await connecting.promise;
    this.#report('disconnected');
    return OK;
  }

  setReferenced(isReferenced: boolean): void {
    this.#isReferenced = isReferenced;
    this.#reconnection?.setReferenced(isReferenced);
    if (isReferenced) this.connection?.ref();
    else this.connection?.unref();
  }

  /** Makes every handle of this generation invalid at once, then ends the connection; the slot is free when it resolves. */
  async release(): Promise<void> {
    this.generation = this.generation === MAX_GENERATION ? 1 : this.generation + 1;
    const connection = this.connection;
    const connecting = this.#connecting;
    this.callbacks.clear();
    this.#reconnection?.stop();
    this.#reconnection = undefined;
    this.#left = undefined;
    this.connection = undefined;
    this.selection = undefined;
    this.#plan = undefined;
    this.#isReferenced = true;
    // At once, so that no further callback starts while the rest is waited for.
    const ended = connection?.disconnect();
    connecting?.controller.abort();
    await connecting?.promise;
    if (connection !== undefined) {
      await ended;
      this.#tally.ended(connection, connection.getState() === 'failed');
      connection.release();
    }
    this.#state = 'disconnected';
  }

  async #select(plan: DialPlan, controller: AbortController, signal: AbortSignal | undefined): Promise<Result> {
    // The caller must hold the promise before a state callback can ask for it.
    await Promise.resolve();
    const onAbort = (): void => {
      controller.abort(signal?.reason);
    };
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const generation = this.generation;
    this.#report('connecting');
    const outcome = await this.#tryAll(plan, controller.signal);
    signal?.removeEventListener('abort', onAbort);
    this.#connecting = undefined;
    if (outcome.ok && (generation !== this.generation || this.#state !== 'connecting')) {
      await outcome.value.connection.disconnect();
      return err('Aborted', 'the handle was closed or disconnected before the connection was made');
    }
    if (!outcome.ok) {
      if (this.#state === 'connecting') {
        this.#tally.connectFailed();
        this.#report('failed', outcome.error);
        // Unless whoever was told is connecting by now, or closed the handle.
        if (generation === this.generation && this.#rests('failed')) this.#onAttemptFailed(outcome.error);
      }
      return outcome;
    }
    this.selection = outcome.value.selection;
    const endpoint = redactEndpoint(plan.config.endpoint);
    if (this.selection.passedOver.length > 0) this.#log(describeSelection(endpoint, 'connected', this.selection));
    reportFallback({ endpoint, role: 'client', taken: [this.selection], passedOver: this.selection.passedOver });
    this.#use(outcome.value.connection);
    return OK;
  }

  async #tryAll(
    { config, candidates }: DialPlan,
    signal: AbortSignal,
  ): Promise<Result<{ connection: NetworkConnection; selection: Selection }>> {
    const passedOver: PassedOver[] = [];
    for (const candidate of candidates) {
      if (signal.aborted) return err('Aborted', 'connecting was aborted', signal.reason);
      const attempted = await attempt(candidate, config, signal);
      const endpoint = candidate.shown;
      const { backend } = candidate.transport;
      if (attempted.ok) {
        return { ok: true, value: { connection: attempted.value, selection: { backend, endpoint, passedOver } } };
      }
      passedOver.push({
        backend,
        endpoint,
        code: attempted.error.code,
        reason: redactText(attempted.error.message, MAX_REASON),
      });
      log(
        () =>
          `${redactEndpoint(config.endpoint)}: ${backend} (${endpoint}) passed over: ${redactText(attempted.error.message)}`,
      );
    }
    return failureOf(redactEndpoint(config.endpoint), 'could not be reached', passedOver);
  }

  #use(connection: NetworkConnection): void {
    const previous = this.connection;
    this.connection = connection;
    previous?.release();
    this.#tally.opened(connection);
    if (!this.#isReferenced) connection.unref();
    connection.setStateCallback((state, error) => {
      if (this.connection === connection) this.#onConnectionState(connection, state, error);
    });
    this.#report('connected');
    if (this.connection === connection) this.#reconnection?.succeeded();
    // After the reports: whoever learns that it is connected must not have got a message before.
    if (this.connection !== connection) return;
    this.callbacks.installOn(connection);
    const state = connection.getState();
    if (state !== 'connected') this.#onConnectionState(connection, state);
  }

  #onConnectionState(connection: NetworkConnection, state: ConnectionState, error?: Error): void {
    const reason = error instanceof NetworkError ? error : undefined;
    const hasEnded = state === 'disconnected' || state === 'failed';
    if (hasEnded) {
      this.#tally.ended(connection, state === 'failed');
      if (connection !== this.#left) this.#reconnection?.ended(reason, connection.unconfirmedSends());
    }
    this.#report(state, reason);
    // Unless whoever was told is connecting by now.
    if (hasEnded && this.#rests(state)) this.#reconnection?.schedule();
  }

  #onAttemptFailed(error: NetworkError): void {
    const passedOver = Array.isArray(error.cause) ? (error.cause as PassedOver[]) : [];
    this.#reconnection?.attemptFailed(
      error,
      passedOver.map(({ code }) => code),
    );
  }

  /** Whether it is still in that state and nobody connects. */
  #rests(state: ConnectionState): boolean {
    return this.#state === state && this.#connecting === undefined;
  }

  #report(state: ConnectionState, error?: NetworkError): void {
    if (this.#state === state) return;
    this.#state = state;
    this.callbacks.reportState(state, error);
  }
}

/** Asks the transport whether it can, unless connecting tells as well, then lets it. */
async function attempt(
  candidate: Candidate,
  config: ResolvedConnectionConfig,
  signal: AbortSignal,
): Promise<Result<NetworkConnection>> {
  const own = configOf(candidate, config);
  try {
    const { isProbedByConnecting = false } = candidate.transport;
    const probe = isProbedByConnecting ? undefined : await candidate.transport.probe(own);
    if (probe?.available === false) {
      const { reason, error: cause } = probe;
      const error = new NetworkError(cause?.code ?? 'TransportUnavailable', reason, cause);
      const { shown: endpoint, transport } = candidate;
      publishDiagnostics(DiagnosticsChannel.Failure, (): FailureDiagnostics => ({
        connection: undefined,
        backend: transport.backend,
        endpoint,
        error,
      }));
      return { ok: false, error };
    }
    const connection = candidate.transport.createConnection(own);
    const connected = await connection.connect({ signal });
    if (connected.ok) return { ok: true, value: connection };
    connection.release();
    return connected;
  } catch (error) {
    // A third-party transport that throws costs its candidate, nothing more.
    if (error instanceof NetworkError) return { ok: false, error };
    return err('TransportUnavailable', `transport '${candidate.transport.backend}' threw: ${redactText(error)}`, error);
  }
}

function stale(): Result {
  return err('InvalidParameter', 'stale handle: it was closed');
}
