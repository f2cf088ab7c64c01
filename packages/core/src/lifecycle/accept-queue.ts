import type { Admission, Admit } from '../api/admission.js';
import { faultOfOptions, SIGNAL_OPTION } from '../config/call-options.js';
import { numberOrKind } from '../result/kind-of.js';
import { err, ok, type Failure, type Result } from '../result/result.js';
import { describeThrown } from './callback-guard.js';

/** A place that a client has before its handshake ends. One of the two is called; later calls do nothing. */
export interface AcceptPlace<T> {
  /**
   * Offers the connection to the callers of `accept()`, also where the queue is full by now: the client was promised a place. False where
   * the queue was closed or the place given back: the caller must end the connection.
   */
  push(connection: T): boolean;
  /** No connection comes of it. */
  release(): void;
}

interface Waiting<T> {
  readonly connection: T;
  readonly admission: Admission;
}

/** The places, where nobody else counts them. */
const FREE: Admission = Object.freeze({ release: () => undefined });

/** Connections that clients made and nobody accepted yet, and callers that wait for one. What every server needs. */
export class AcceptQueue<T> {
  readonly #ready: Waiting<T>[] = [];
  /** In the order of their calls; each can leave without a look at the others. */
  readonly #waiting = new Set<(result: Result<T>) => void>();
  readonly #capacity: number;
  readonly #admit: Admit | undefined;
  readonly #onAccepted: ((connection: T) => void) | undefined;
  /** Clients with a place whose handshake has not ended. */
  #promised = 0;
  #isClosed = false;

  /**
   * @param capacity how many may wait to be accepted
   * @param admit the configuration's `admit`
   * @param onAccepted called with each connection that a caller of `accept()` gets, before the caller has it
   */
  constructor(capacity: number, admit?: Admit, onAccepted?: (connection: T) => void) {
    if (typeof capacity !== 'number' || !(capacity >= 0))
      throw new RangeError(`a queue holds 0 or more connections; ${numberOrKind(capacity)} was given`);
    this.#capacity = capacity;
    this.#admit = admit;
    this.#onAccepted = onAccepted;
  }

  /**
   * Reserves a place for a client, before it learns that it is connected: a client that is refused here learns it from
   * `connect()`. `ResourceLimitExceeded`: the queue is full or `admit` refuses; `ConnectionClosed`: the queue is closed.
   */
  admit(): Result<AcceptPlace<T>> {
    if (this.#isClosed) return closed();
    if (this.#ready.length + this.#promised >= this.#capacity + this.#waiting.size) {
      return err('ResourceLimitExceeded', `${this.#capacity} connections wait to be accepted already`);
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

  /** The same in one step, for a client that needs no promise; false where it has no place and the caller must end it. */
  push(connection: T): boolean {
    const place = this.admit();
    return place.ok && place.value.push(connection);
  }

  /** The next connection, in the order in which they came. */
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

  /** The same with the options of a server's `accept()`. `InvalidParameter`: an option that does not exist, or no signal. */
  acceptWith(options: { readonly signal?: AbortSignal } | undefined): Promise<Result<T>> {
    const fault = faultOfOptions('accept()', options, SIGNAL_OPTION);
    return fault === undefined ? this.accept(options?.signal) : Promise.resolve({ ok: false, error: fault });
  }

  /** Takes out a connection that nobody has accepted yet; nothing happens where it is not there. */
  remove(connection: T): void {
    this.removeWhere((each) => each === connection);
  }

  /** Takes out every connection that nobody has accepted yet and for which `condition` holds; returns those. */
  removeWhere(condition: (connection: T) => boolean): T[] {
    const removed: T[] = [];
    for (const waiting of this.#ready.splice(0)) {
      if (condition(waiting.connection)) {
        removed.push(waiting.connection);
        waiting.admission.release();
      } else this.#ready.push(waiting);
    }
    return removed;
  }

  /** Ends the callers that wait with `ConnectionClosed`; returns the connections that nobody took. */
  close(): T[] {
    this.#isClosed = true;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const settle of waiting) settle(closed());
    return this.#ready.splice(0).map(({ connection, admission }) => {
      admission.release();
      return connection;
    });
  }

  /** Takes connections again after `close()`. */
  open(): void {
    this.#isClosed = false;
  }

  /** Accepts until the queue is closed. */
  async *iterate(): AsyncGenerator<T, void, undefined> {
    for (let next = await this.accept(); next.ok; next = await this.accept()) yield next.value;
  }

  #ask(): Result<Admission> {
    if (this.#admit === undefined) return ok(FREE);
    try {
      // It is a program's function: it may return anything.
      const asked = this.#admit() as Partial<Result<Admission>> | undefined;
      if (asked?.ok === true && typeof asked.value?.release === 'function') return ok(asked.value);
      if (asked?.ok === false)
        return err('ResourceLimitExceeded', asked.error?.message ?? 'admit() refused', asked.error);
      return err('ResourceLimitExceeded', 'admit() returned neither an Admission nor a failure');
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

function closed(): Failure {
  return err('ConnectionClosed', 'the server is not listening');
}

function aborted(signal: AbortSignal | undefined): Failure {
  return err('Aborted', 'accept was aborted', signal?.reason);
}
