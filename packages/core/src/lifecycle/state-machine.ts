import type { NetworkError } from '../result/network-error.js';
import type { ConnectionState } from '../api/connection-types.js';

/** Every transition there is; anything else is ignored, so that a state is never reported twice. */
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
 * The state of one connection. Reports each real transition once and in order, also when a transition is caused from
 * inside a report: that one is reported when the running report has returned.
 */
export class ConnectionStateMachine {
  #state: ConnectionState;
  #isReporting = false;
  readonly #unreported: Transition[] = [];
  readonly #report: (state: ConnectionState, error: NetworkError | undefined) => void;

  /** @param report tells the user; must not throw */
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

  /** Goes to `next` and reports it; false, with nothing changed, where that is no transition. */
  transition(next: ConnectionState, error?: NetworkError): boolean {
    if (!this.allows(next)) return false;
    // A goodbye of the peer is over when it is learned of: both transitions are facts before the first is reported.
    if (this.#state === 'connected' && next === 'disconnected') this.#unreported.push(DISCONNECTING);
    this.#state = next;
    this.#unreported.push({ state: next, error });
    if (this.#isReporting) return true;
    this.#isReporting = true;
    for (let entry = this.#unreported.shift(); entry !== undefined; entry = this.#unreported.shift()) {
      this.#report(entry.state, entry.error);
    }
    this.#isReporting = false;
    return true;
  }
}
