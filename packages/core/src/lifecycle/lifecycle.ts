import type { CloseReason, ConnectionState } from '../api/connection-types.js';
import { describeThrown } from '../result/describe-thrown.js';
import type { NetworkError } from '../result/network-error.js';
import { err, OK, RESOLVED_OK, type Result } from '../result/result.js';
import { ConnectionStateMachine } from './state-machine.js';
import { EarlyEnd, follow, hold, within } from './deadline.js';
import { Deferred } from './deferred.js';

/** The functions that a lifecycle calls. `T` is a link for a connection, and a connection for a handle. */
export interface LifecycleHooks<T> {
  /** Checks whether an attempt may begin. A failure changes no state. */
  mayConnect(): Result;
  /** An attempt begins. Called before `connecting` is reported. */
  starting(): void;
  /** The time limit of `establish`, in milliseconds, and the text of its `Timeout`. Undefined if there is no limit. */
  readonly deadline: { readonly timeoutMs: number; readonly describe: () => string } | undefined;
  /**
   * Makes the link or connection. It must settle soon after the signal aborts, because the next attempt waits for it.
   * If it throws, the attempt fails.
   */
  establish(signal: AbortSignal): Promise<Result<T>>;
  /** The attempt succeeded. Called in the state `connected`, before it is reported. It must not throw. */
  established(value: T): void;
  /** `connected` was reported. It must not throw. */
  connected(): void;
  /** Discards a link or connection that was made after its attempt was aborted. */
  discard(value: T): void;
  /**
   * This side begins to disconnect. Called before `disconnecting` is reported: from now on no message is accepted or
   * delivered.
   */
  leaving(): void;
  /** Says goodbye to the peer. `early` ends that early. It must not throw. */
  farewell(early: EarlyEnd): Promise<Result>;
  /** The peer left or died while this side was saying goodbye, so the goodbye need not wait. */
  peerGone(error: NetworkError | undefined): void;
  /** The link or connection ended. Called before the end is reported. It must not throw. */
  release(error: NetworkError | undefined): void;
  /** Reports a state change. It must not throw. */
  report(state: ConnectionState, error: NetworkError | undefined): void;
  /** Whether no reconnection follows this end, so that `closed` resolves after its report. */
  isFinal(reason: CloseReason): boolean;
  /** The end was reported. */
  ended(reason: CloseReason): void;
  /** `disconnect()` is done: no callback starts after this. */
  left(): void;
}

/** An attempt or a disconnect, and what ends it early. */
interface Running<C> {
  readonly promise: Promise<Result>;
  readonly controller: C;
}

/**
 * Connects and disconnects a connection or a handle. It runs attempts and disconnects one after the other: an attempt
 * begins when the disconnect and the attempt before it are over. It reports each state after the change, in order.
 */
export class Lifecycle<T> {
  readonly #states: ConnectionStateMachine;
  readonly #hooks: LifecycleHooks<T>;
  #attempt: Running<AbortController> | undefined;
  /** An attempt that waits for the running disconnect. */
  #next: Running<AbortController> | undefined;
  #disconnecting: Running<EarlyEnd> | undefined;
  /** The work of the latest attempt, while it runs. It may still run after the attempt was aborted. */
  #work: Promise<Result<T>> | undefined;
  #closeReason: CloseReason | undefined;
  #closed = new Deferred<CloseReason>();
  /** The promises of unreported ends, in order. Undefined for an end that a reconnection follows. */
  readonly #unreported: (Deferred<CloseReason> | undefined)[] = [];
  /** The end, if it came before the attempt has reported `connected`. */
  #earlyEnd: CloseReason | undefined;

  constructor(initial: 'connected' | 'disconnected', hooks: LifecycleHooks<T>) {
    this.#hooks = hooks;
    this.#states = new ConnectionStateMachine(initial, (state, error) => {
      hooks.report(state, error);
      if (state !== 'disconnected' && state !== 'failed') return;
      const reason = reasonOf(state, error);
      this.#unreported.shift()?.resolve(reason);
      hooks.ended(reason);
    });
  }

  get state(): ConnectionState {
    return this.#states.state;
  }

  /** Whether an attempt is running or waits for a disconnect. */
  get isConnecting(): boolean {
    return this.#attempt !== undefined || this.#next !== undefined;
  }

  /** The reason of the last end. Undefined before the first end, and after the next attempt has begun. */
  get closeReason(): CloseReason | undefined {
    return this.#closeReason;
  }

  /** Resolves with the final end. Each attempt after an end makes a new promise. */
  get closed(): Promise<CloseReason> {
    return this.#closed.promise;
  }

  /** Resolves `closed` if it is pending. */
  settle(reason: CloseReason): void {
    this.#closed.isUsed = true;
    this.#closed.resolve(reason);
  }

  connect(signal: AbortSignal | undefined): Promise<Result> {
    const running = this.#next ?? (this.#disconnecting === undefined ? this.#attempt : undefined);
    if (running !== undefined) return joined(running.promise, signal);
    if (this.#disconnecting === undefined && this.state === 'connected') return Promise.resolve(OK);
    const allowed = this.#hooks.mayConnect();
    if (!allowed.ok) return Promise.resolve(allowed);
    const controller = new AbortController();
    const unfollow = follow(signal, controller);
    const disconnecting = this.#disconnecting?.promise;
    // Stored before any report, so that a callback that connects or disconnects finds the promise.
    return hold(
      (promise) => {
        if (disconnecting === undefined) this.#attempt = { promise, controller };
        else this.#next = { promise, controller };
      },
      async () => {
        const hasTurn = disconnecting === undefined || (await this.#takeTurn(disconnecting, controller));
        const outcome = hasTurn ? await this.#run(controller) : abortedBy(controller.signal);
        unfollow();
        return outcome;
      },
    );
  }

  disconnect(signal: AbortSignal | undefined): Promise<Result> {
    // Abort an attempt that waits for the running disconnect.
    this.#next?.controller.abort(DISCONNECTED);
    this.#next = undefined;
    const running = this.#disconnecting;
    const controller = running?.controller ?? new EarlyEnd();
    // The signal of each call counts: none of them may have to wait for the peer when its own signal aborts.
    const unfollow = follow(signal, controller);
    const ending =
      running?.promise ??
      hold(
        (promise) => {
          this.#disconnecting = { promise, controller };
        },
        () => this.#runDisconnect(controller),
      );
    if (signal !== undefined) void ending.then(unfollow);
    return ending;
  }

  /** The connection ended, and not by this side: `disconnected` after the peer's goodbye, `failed` otherwise. */
  endedByItself(state: 'disconnected' | 'failed', error: NetworkError | undefined): void {
    if (this.state === 'disconnecting') this.#hooks.peerGone(error);
    else if (this.state === 'connected') this.#end(state, error);
    else if (this.state === 'connecting') this.#earlyEnd ??= reasonOf(state, error);
  }

  /** Waits for the running disconnect. Returns false if the attempt was aborted meanwhile. */
  async #takeTurn(disconnecting: Promise<Result>, controller: AbortController): Promise<boolean> {
    await within(disconnecting, undefined, controller.signal);
    if (this.#next?.controller !== controller) return false;
    const next = this.#next;
    this.#next = undefined;
    if (controller.signal.aborted) return false;
    this.#attempt = next;
    return true;
  }

  async #run(controller: AbortController): Promise<Result> {
    if (!isUnwanted(controller.signal)) this.#hooks.starting();
    // A consumer of the previous connection may have called disconnect() when it got the end.
    if (isUnwanted(controller.signal)) {
      this.#attempt = undefined;
      return abortedBy(controller.signal);
    }
    this.#closeReason = undefined;
    this.#earlyEnd = undefined;
    if (this.#closed.isUsed) this.#closed = new Deferred();
    this.#states.transition('connecting');
    const made = await this.#establish(controller);
    this.#attempt = undefined;
    if (this.state !== 'connecting') {
      if (made.ok) this.#hooks.discard(made.value);
      return abortedBy(controller.signal);
    }
    if (!made.ok) {
      this.#end('failed', made.error);
      return made;
    }
    this.#states.transition('connected', undefined, () => {
      this.#hooks.established(made.value);
    });
    this.#reportedConnected();
    return OK;
  }

  /** Handles an end that came during the report of `connected`, or before it. */
  #reportedConnected(): void {
    if (this.state === 'connected') this.#hooks.connected();
    const early = this.#earlyEnd;
    if (early !== undefined) this.endedByItself(early.state, early.error);
  }

  /** Resolves when `establish` is done, at the deadline, or at an abort. What was made and is not used is discarded. */
  async #establish(controller: AbortController): Promise<Result<T>> {
    const { deadline } = this.#hooks;
    const { signal } = controller;
    // Mostly without an await: of many attempts at once, the first has sent its request before the second begins. So the
    // peer has work while this process begins the others.
    if (this.#work !== undefined) {
      const turn = await within(this.#work, STOPPING_MS, signal);
      if (turn === 'timeout') return err('Timeout', `the aborted attempt did not stop within ${STOPPING_MS} ms`);
    }
    if (signal.aborted) return abortedBy(signal);
    const work = this.#makeSafely(signal);
    this.#work = work;
    void work.then(() => {
      if (this.#work === work) this.#work = undefined;
    });
    const outcome = await within(work, deadline?.timeoutMs, signal);
    if (typeof outcome === 'object') return outcome;
    // Not in the callback above: if the signal aborts just as the work ends, that one runs before this line.
    void work.then((made) => {
      if (made.ok) this.#hooks.discard(made.value);
    });
    if (outcome === 'aborted' || deadline === undefined) return abortedBy(signal);
    controller.abort();
    return err('Timeout', deadline.describe());
  }

  async #makeSafely(signal: AbortSignal): Promise<Result<T>> {
    try {
      return await this.#hooks.establish(signal);
    } catch (error) {
      return err('HandshakeFailed', `connecting failed: ${describeThrown(error)}`, error);
    }
  }

  async #runDisconnect(early: EarlyEnd): Promise<Result> {
    let goodbye: Result = OK;
    const attempt = this.#attempt;
    if (attempt !== undefined) {
      // An attempt that has not begun has reported nothing yet.
      if (this.state === 'connecting') this.#states.transition('disconnecting');
      attempt.controller.abort(DISCONNECTED);
      await attempt.promise;
    } else if (this.state === 'connected') {
      this.#hooks.leaving();
      this.#states.transition('disconnecting');
      goodbye = await this.#hooks.farewell(early);
    }
    if (this.state === 'disconnecting') this.#end('disconnected', undefined);
    // Rejections of asynchronous state callbacks are still reported.
    await RESOLVED_OK;
    this.#hooks.left();
    this.#disconnecting = undefined;
    return goodbye;
  }

  #end(state: 'disconnected' | 'failed', error: NetworkError | undefined): void {
    this.#hooks.release(error);
    const reason = reasonOf(state, error);
    this.#closeReason = reason;
    const isFinal = this.#hooks.isFinal(reason);
    if (isFinal) this.#closed.isUsed = true;
    this.#unreported.push(isFinal ? this.#closed : undefined);
    this.#states.transition(state, error);
  }
}

function reasonOf(state: 'disconnected' | 'failed', error: NetworkError | undefined): CloseReason {
  return Object.freeze(error === undefined ? { state } : { state, error });
}

/** How long an aborted attempt may take to stop before the next one fails, in milliseconds. */
const STOPPING_MS = 5000;

/** The abort reason of an attempt that `disconnect()` ended. */
const DISCONNECTED = Symbol('disconnect');

function isUnwanted(signal: AbortSignal): boolean {
  return signal.aborted && signal.reason === DISCONNECTED;
}

function abortedBy(signal: AbortSignal): Result<never> {
  if (signal.reason === DISCONNECTED) return err('Aborted', 'disconnect() was called before the connection was made');
  return err('Aborted', 'connecting was aborted', signal.reason);
}

/** Waits for an attempt that another call began. The signal of this call ends only this call. */
async function joined(promise: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return promise;
  const outcome = await within(promise, undefined, signal);
  return typeof outcome === 'object' ? outcome : abortedBy(signal);
}
