import type { Admission, Admit } from '../api/admission.js';
import { faultOfOptions, SIGNAL_OPTION } from '../config/call-options.js';
import { Roster } from '../platform/roster.js';
import { describeThrown } from '../result/describe-thrown.js';
import { kindOf, numberOrKind } from '../result/kind-of.js';
import { err, ok, type Failure, type Result } from '../result/result.js';
import { ignoreRejection } from '../result/thenable.js';
import { warningGuard } from './callback-guard.js';

/**
 * A place for a client whose handshake is running. The transport calls `push` or `release`; later calls have no effect.
 */
export interface AcceptPlace<T> {
  /**
   * Offers the connection to the callers of `accept()`, even if the queue is full by now.
   * @returns false if the queue was closed or the place released; the caller must then end the connection
   */
  push(connection: T): boolean;
  /** Frees the place: the client does not get a connection. */
  release(): void;
}

interface Waiting<T> {
  readonly connection: T;
  readonly admission: Admission;
}

/** The place for a server without `admit`. */
const FREE: Admission = Object.freeze({ release: () => undefined });

/** A queue of connections that nobody has accepted yet, and of callers of `accept()` that wait for one. */
export class AcceptQueue<T> {
  readonly #ready: Waiting<T>[] = [];
  /** The callers in the order of their calls. */
  readonly #waiting = new Roster<(result: Result<T>) => void>();
  readonly #capacity: number;
  readonly #admit: Admit | undefined;
  readonly #onAccepted: ((connection: T) => void) | undefined;
  /** The number of clients with a place whose handshake has not ended. */
  #promised = 0;
  #isClosed = false;

  /**
   * @param capacity the largest number of connections that wait for `accept()`
   * @param admit the `admit` of the configuration
   * @param onAccepted is called with each connection before a caller of `accept()` gets it
   */
  constructor(capacity: number, admit?: Admit, onAccepted?: (connection: T) => void) {
    if (typeof capacity !== 'number' || !(capacity >= 0))
      throw new RangeError(`a queue holds 0 or more connections; ${numberOrKind(capacity)} was given`);
    this.#capacity = capacity;
    this.#admit = admit;
    this.#onAccepted = onAccepted;
  }

  /**
   * Reserves a place for a client before its `connect()` resolves, so that a refusal reaches the client.
   * `ResourceLimitExceeded`: the queue is full, or `admit` refuses. `ConnectionClosed`: the queue is closed.
   */
  admit(): Result<AcceptPlace<T>> {
    if (this.#isClosed) return closed();
    if (this.#ready.length + this.#promised >= this.#capacity + this.#waiting.size) {
      return err(
        'ResourceLimitExceeded',
        `the server's queue for accept() is full: it holds ${this.#capacity} at most`,
      );
    }
    const admission = this.#ask();
    if (!admission.ok) return admission;
    this.#promised += 1;
    let isHeld = true;
    const end = (): boolean => {
      if (!isHeld) return false;
      isHeld = false;
      this.#promised -= 1;
      return true;
    };
    return ok({
      push: (connection) => end() && this.#offer({ connection, admission: admission.value }),
      release: () => {
        if (end()) admission.value.release();
      },
    });
  }

  /**
   * The same as `admit()`. If there is no place, it first removes the connections for which `isAbandoned` holds, and
   * tries again: a client that left before anybody accepted it takes no place.
   * @param end ends a connection that was removed
   */
  admitInsteadOf(isAbandoned: (connection: T) => boolean, end: (connection: T) => void): Result<AcceptPlace<T>> {
    const place = this.admit();
    if (place.ok || this.#isClosed) return place;
    const left = this.removeWhere(isAbandoned);
    for (const connection of left) end(connection);
    return left.length === 0 ? place : this.admit();
  }

  /**
   * Reserves a place and offers the connection in one step. If it returns false, the caller must end the connection.
   */
  push(connection: T): boolean {
    const place = this.admit();
    return place.ok && place.value.push(connection);
  }

  /** Waits for the next connection, in the order of their arrival. `Aborted`, `ConnectionClosed`. */
  accept(signal?: AbortSignal): Promise<Result<T>> {
    if (signal?.aborted === true) return Promise.resolve(aborted(signal));
    const next = this.#ready.shift();
    if (next !== undefined) return Promise.resolve(this.#give(next.connection));
    if (this.#isClosed) return Promise.resolve(closed());
    return new Promise((resolve) => {
      const onAbort = (): void => {
        this.#waiting.delete(settle);
        resolve(aborted(signal));
      };
      const settle = (result: Result<T>): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve(result);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(settle);
    });
  }

  /** The same with the options of a server's `accept()`. `InvalidParameter`: an unknown option, or a wrong signal. */
  acceptWith(options: { readonly signal?: AbortSignal } | undefined): Promise<Result<T>> {
    const fault = faultOfOptions('accept()', options, SIGNAL_OPTION);
    return fault === undefined ? this.accept(options?.signal) : Promise.resolve({ ok: false, error: fault });
  }

  /** Removes a connection that nobody has accepted yet. Without effect if it is not in the queue. */
  remove(connection: T): void {
    this.removeWhere((each) => each === connection);
  }

  /** Removes and returns the connections in the queue for which `condition` holds. */
  removeWhere(condition: (connection: T) => boolean): T[] {
    const removed: Waiting<T>[] = [];
    for (const waiting of this.#ready.splice(0)) (condition(waiting.connection) ? removed : this.#ready).push(waiting);
    // Last, because it runs code of the program.
    return released(removed);
  }

  /** Closes the queue: waiting callers get `ConnectionClosed`. Returns the connections that nobody has accepted. */
  close(): T[] {
    this.#isClosed = true;
    const waiting = [...this.#waiting];
    for (const settle of waiting) this.#waiting.delete(settle);
    for (const settle of waiting) settle(closed());
    return released(this.#ready.splice(0));
  }

  /** Opens the queue again after `close()`. Returns whether it was closed. */
  open(): boolean {
    const wasClosed = this.#isClosed;
    this.#isClosed = false;
    return wasClosed;
  }

  /** Yields connections until the queue is closed. */
  async *iterate(): AsyncGenerator<T, void, undefined> {
    for (let next = await this.accept(); next.ok; next = await this.accept()) yield next.value;
  }

  #ask(): Result<Admission> {
    if (this.#admit === undefined) return ok(FREE);
    try {
      // A program wrote the function, so it may return anything.
      const asked = this.#admit() as Partial<Result<Admission>> | undefined;
      if (asked?.ok === true && typeof asked.value?.release === 'function') return ok(guarded(asked.value));
      ignoreRejection(asked);
      if (asked?.ok === false)
        return err('ResourceLimitExceeded', asked.error?.message ?? 'admit() refused', asked.error);
      return err(
        'ResourceLimitExceeded',
        `admit() returns an Admission or a failure, as a Result; it returned ${kindOf(asked)}`,
      );
    } catch (error) {
      return err('ResourceLimitExceeded', `admit() failed: ${describeThrown(error)}`, error);
    }
  }

  #offer(offered: Waiting<T>): boolean {
    if (this.#isClosed) {
      offered.admission.release();
      return false;
    }
    const [waiter] = this.#waiting;
    if (waiter === undefined) this.#ready.push(offered);
    else {
      this.#waiting.delete(waiter);
      waiter(this.#give(offered.connection));
    }
    return true;
  }

  #give(connection: T): Result<T> {
    this.#onAccepted?.(connection);
    return ok(connection);
  }
}

function released<T>(waiting: readonly Waiting<T>[]): T[] {
  for (const { admission } of waiting) admission.release();
  return waiting.map(({ connection }) => connection);
}

/** An exception of the program's function affects no other client, and reaches no listener of a socket. */
function guarded(admission: Admission): Admission {
  return {
    release: () => {
      releaseGuard.runBound(() => admission.release());
    },
  };
}

const releaseGuard = warningGuard('the release() of an admission');

function closed(): Failure {
  return err('ConnectionClosed', 'the server is closed');
}

function aborted(signal: AbortSignal | undefined): Failure {
  return err('Aborted', 'the signal aborted accept()', signal?.reason);
}
