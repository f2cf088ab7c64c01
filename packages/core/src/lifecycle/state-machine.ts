import type { NetworkError } from '../result/network-error.js';
import type { ConnectionState } from '../api/connection-types.js';

/** The allowed state changes. All others are ignored, so that no state is reported twice. */
const TRANSITIONS: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  disconnected: ['connecting'],
  connecting: ['connected', 'disconnecting', 'failed'],
  connected: ['disconnecting', 'disconnected', 'failed'],
  disconnecting: ['disconnected'],
  failed: ['connecting'],
};

interface Transition {
  readonly state: ConnectionState;
  readonly error: NetworkError | undefined;
}

const DISCONNECTING: Transition = { state: 'disconnecting', error: undefined };

/**
 * The state of one connection. It reports each change once and in order. If a report causes another change, that change
 * is reported after the running report has returned.
 */
export class ConnectionStateMachine {
  #state: ConnectionState;
  #isReporting = false;
  readonly #unreported: Transition[] = [];
  readonly #report: (state: ConnectionState, error: NetworkError | undefined) => void;

  /** @param report reports a change to the program; it must not throw */
  constructor(initial: ConnectionState, report: (state: ConnectionState, error: NetworkError | undefined) => void) {
    this.#state = initial;
    this.#report = report;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Whether `next` may follow the present state. */
  allows(next: ConnectionState): boolean {
    return TRANSITIONS[this.#state].includes(next);
  }

  /**
   * Changes the state to `next` and reports it. Returns false, without a change, if that is not allowed.
   * @param prepare runs after the change and before the report. It may run code of the program, which finds the new state
   */
  transition(next: ConnectionState, error?: NetworkError, prepare?: () => void): boolean {
    if (!this.allows(next)) return false;
    // When this side receives the peer's goodbye, the end is complete, so both changes precede the first report.
    if (this.#state === 'connected' && next === 'disconnected') this.#unreported.push(DISCONNECTING);
    this.#state = next;
    this.#unreported.push({ state: next, error });
    if (this.#isReporting) return true;
    this.#isReporting = true;
    prepare?.();
    for (let entry = this.#unreported.shift(); entry !== undefined; entry = this.#unreported.shift()) {
      this.#report(entry.state, entry.error);
    }
    this.#isReporting = false;
    return true;
  }
}
