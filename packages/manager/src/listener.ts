import {
  type AcceptPlace,
  type Admission,
  changeConfig,
  type ConnectionServer,
  ok,
  type ResolvedConnectionConfig,
  type Result,
  unwrap,
} from '@entropynet/core';
import type { ConnectionHandle } from './connection-handle.js';
import { type MissingAddress, missingAddress } from './missing-address.js';
import type { Reservation } from './reservation.js';
import { type Candidate, configOf } from './selection.js';
import { callTransport, tryTransport } from './thrown-by-transports.js';

/** The reservations of clients whose handshakes run. All are equal, so the server may use any of them. */
export interface Promised {
  readonly reservation: Reservation;
  readonly place: AcceptPlace<ConnectionHandle>;
}

/** One address of a managed server: a candidate with the server that was made for it. */
export class Listener {
  readonly candidate: Candidate;
  readonly server: ConnectionServer;
  readonly promised: Promised[] = [];
  /** The error of the last attempt to listen; undefined after a success and before the first attempt. */
  missing: MissingAddress | undefined;

  /**
   * Throws a `NetworkError` if the transport makes no server.
   * @param admit reserves a slot and a place for a client, and adds them to `promised`
   */
  constructor(
    candidate: Candidate,
    config: ResolvedConnectionConfig,
    admit: (promised: Promised[]) => Result<Admission>,
  ) {
    const { transport } = candidate;
    this.candidate = candidate;
    const own = changeConfig(configOf(candidate, config), { admit: () => admit(this.promised) });
    this.server = unwrap(callTransport(transport, () => ok(transport.createServer(own))));
  }

  /** Tries to listen, and keeps the error of a failure. */
  async listen(): Promise<Result> {
    const listening = await tryTransport(this.candidate.transport, () => this.server.listen());
    this.missing = listening.ok ? undefined : missingAddress(this.candidate, listening.error);
    return listening;
  }
}
