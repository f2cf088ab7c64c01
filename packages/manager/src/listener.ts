import {
  type AcceptPlace,
  type Admission,
  changeConfig,
  type ConnectionServer,
  type NetworkConnection,
  NetworkError,
  OK,
  ok,
  redactText,
  type ResolvedConnectionConfig,
  type Result,
  unwrap,
} from '@entropynet/core';
import type { ConnectionHandle } from './connection-handle.js';
import { type MissingAddress, missingAddress } from './missing-address.js';
import type { Reservation } from './reservation.js';
import { type Candidate, configOf, MAX_REASON, reportFallback } from './selection.js';
import { callTransport, tryTransport } from './thrown-by-transports.js';

/** The reservations of clients whose handshakes run. All are equal, so the server may use any of them. */
export interface Promised {
  readonly reservation: Reservation;
  readonly place: AcceptPlace<ConnectionHandle>;
}

/** One address of a managed server: a candidate with the server that was made for it. */
export class Listener {
  readonly candidate: Candidate;
  readonly promised: Promised[] = [];
  /** The error of the last attempt to listen; undefined after a success and before the first attempt. */
  missing: MissingAddress | undefined;

  readonly #server: ConnectionServer;
  readonly #log: (line: string) => void;
  #isListening = false;

  /**
   * Throws a `NetworkError` if the transport makes no server.
   * @param admit reserves a slot and a place for a client, and adds them to `promised`
   * @param log writes one line about the managed server
   */
  constructor(
    candidate: Candidate,
    config: ResolvedConnectionConfig,
    admit: (promised: Promised[]) => Result<Admission>,
    log: (line: string) => void,
  ) {
    const { transport } = candidate;
    this.candidate = candidate;
    this.#log = log;
    const own = changeConfig(configOf(candidate, config), { admit: () => admit(this.promised) });
    this.#server = unwrap(callTransport(transport, () => ok(transport.createServer(own))));
  }

  /** The transport and the address, for messages. */
  get name(): string {
    const { transport, shown } = this.candidate;
    return `${transport.backend} (${shown})`;
  }

  /**
   * Whether `listen()` has succeeded, and neither `close()` nor the end of `pass()` came after it. It does not ask the
   * transport, which may throw.
   */
  get isListening(): boolean {
    return this.#isListening;
  }

  /** Tries to listen, and keeps the error of a failure. */
  async listen(): Promise<Result> {
    const listening = await tryTransport(this.candidate.transport, () => this.#server.listen());
    this.#isListening = listening.ok;
    this.missing = listening.ok ? undefined : missingAddress(this.candidate, listening.error);
    return listening;
  }

  /** Closes the server. */
  async close(): Promise<void> {
    this.#isListening = false;
    this.#logFailure('close', await tryTransport(this.candidate.transport, () => this.#server.close()));
  }

  /** Returns the address for clients. Undefined if the server does not listen, or if the transport throws. */
  address(): string | undefined {
    if (!this.#isListening) return undefined;
    const address = callTransport(this.candidate.transport, () => ok(this.#server.address()));
    this.#logFailure('read the address', address);
    return address.ok ? address.value : undefined;
  }

  /** Sets whether the listening server keeps the process alive. */
  setReferenced(isReferenced: boolean): void {
    const call = isReferenced ? 'ref' : 'unref';
    const done = callTransport(this.candidate.transport, () => {
      this.#server[call]();
      return OK;
    });
    this.#logFailure(`call ${call}()`, done);
  }

  /**
   * Calls `adopt` for each connection until the server is closed, or throws. Returns the reason for an end that `close()`
   * did not cause.
   */
  async pass(adopt: (connection: NetworkConnection) => void): Promise<NetworkError> {
    const passed = await tryTransport(this.candidate.transport, async () => {
      for await (const connection of this.#server) adopt(connection);
      return OK;
    });
    return passed.ok ? new NetworkError('TransportUnavailable', 'its server closed by itself') : passed.error;
  }

  /** The server has failed while it listened: its address is a missing one now. */
  fail(error: NetworkError): void {
    this.missing = missingAddress(this.candidate, error);
    this.#log(`no longer listening over ${this.name}: ${this.missing.reason}`);
  }

  /** A failure of one server must not affect the others: only the log names it. */
  #logFailure(what: string, outcome: Result<unknown>): void {
    if (!outcome.ok) this.#log(`could not ${what} over ${this.name}: ${redactText(outcome.error.message, MAX_REASON)}`);
  }
}

/**
 * Reports the addresses on which a managed server does not listen: one line for each, and the fallback.
 * @param name the endpoint of the managed server without secrets
 * @param log writes one line about the managed server
 */
export function reportMissing(name: string, listeners: readonly Listener[], log: (line: string) => void): void {
  const passedOver = listeners.flatMap(({ missing }) => missing ?? []);
  for (const { backend, endpoint, isRetried, reason } of passedOver) {
    const outlook = isRetried ? 'not listening yet' : 'not listening';
    log(`${outlook} over ${backend} (${endpoint}): ${reason}`);
  }
  const taken = listeners
    .filter(({ isListening }) => isListening)
    .map(({ candidate: { transport, shown } }) => ({ backend: transport.backend, endpoint: shown }));
  reportFallback({ endpoint: name, role: 'server', taken, passedOver });
}
