import { type NetworkError, type NetworkErrorCode, redactText } from '@entropynet/core';
import { type Candidate, MAX_REASON, type PassedOver } from './selection.js';

/**
 * An address of a server's configuration on which the server does not listen, with the reason. It is plain data and
 * valid as JSON.
 */
export interface MissingAddress extends PassedOver {
  /** Whether the cause can pass. If so, the server repeats the attempt while it listens on another address. */
  readonly isRetried: boolean;
}

/**
 * The errors whose cause can pass: a NATS server or network that does not run yet, an address that is in use for now.
 */
const PASSING: ReadonlySet<NetworkErrorCode> = new Set([
  'AddressInUse',
  'ResourceLimitExceeded',
  'Timeout',
  'TransportUnavailable',
]);

/** Returns the reason why a server does not listen on a candidate. */
export function missingAddress({ transport, shown }: Candidate, { code, message }: NetworkError): MissingAddress {
  const reason = redactText(message, MAX_REASON);
  return { backend: transport.backend, endpoint: shown, code, reason, isRetried: PASSING.has(code) };
}
