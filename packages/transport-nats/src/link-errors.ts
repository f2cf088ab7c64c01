import { NetworkError } from '@entropynet/core';
import type { LinkParts } from './link-parts.js';
import { brokenErrorOf } from './nats-errors.js';
import { silenceOf } from './nats-session.js';

type Ends = LinkParts['ends'];

/** Returns the error of a silent peer, or of a silent NATS server if that does not answer either. */
export function silenceError(ends: Ends, timeoutMs: number): NetworkError {
  const silent = ends.find(({ lease }) => lease.session.isSilent);
  if (silent !== undefined) return brokenErrorOf(silenceOf(timeoutMs), silent.lease.session.where);
  return new NetworkError('PeerDied', `no sign of life from the peer for ${timeoutMs} ms (heartbeat.timeoutMs)`);
}

/** Returns the error of a link that can't publish a message. */
export function unpublishedError([{ lease }]: Ends): NetworkError {
  const { isBroken, where } = lease.session;
  const reason = isBroken
    ? `the NATS connection to ${where} ended`
    : `the NATS server at ${where} takes no message of this length: its max_payload was lowered`;
  return new NetworkError('TransportUnavailable', reason);
}
