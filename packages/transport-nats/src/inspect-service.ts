import { type ConnectionConfig, resolveOwnConfig, type Result } from '@entropynet/core';
import { monotonicNow } from '@entropynet/core/platform';
import { askService, type ServicePresence } from './ask-service.js';
import { parseNatsAddress, serviceSubject } from './nats-address.js';
import { natsSection } from './nats-options.js';
import { Lane } from './nats-protocol.js';
import { leaseSession } from './session-pool.js';

/** The properties of a NATS server, and the state of a service. */
export interface InspectedNatsService {
  /** The version of the NATS server. */
  readonly version: string;
  /** The name of its cluster. Undefined if it belongs to none. */
  readonly cluster: string | undefined;
  /** The largest message that it accepts, in bytes. A connection splits longer ones. */
  readonly maxPayload: number;
  /** Whether it requires credentials. */
  readonly needsCredentials: boolean;
  /** The round trip of a ping to it, in milliseconds. */
  readonly roundTripMs: number;
  /** The subject of the question to the servers of the service. */
  readonly subject: string;
  /** The state of the service; an error if a subscribed server does not answer, or if a subject is forbidden. */
  readonly presence: Result<ServicePresence>;
}

/**
 * Asks the NATS server of an endpoint, and through it the servers of the service, without connecting to one of them.
 * `TransportUnavailable` or `Timeout`: the NATS server can't be reached. `HandshakeFailed`: it refuses the credentials,
 * or this side refuses its certificate. `InvalidParameter`: a wrong configuration.
 */
export async function inspectNatsService(config: ConnectionConfig): Promise<Result<InspectedNatsService>> {
  const resolved = resolveOwnConfig(config, natsSection);
  if (!resolved.ok) return resolved;
  const address = parseNatsAddress(resolved.value.endpoint);
  if (!address.ok) return address;
  const lease = await leaseSession(address.value, resolved.value, Lane.Prompt);
  if (!lease.ok) return lease;
  const { session } = lease.value;
  const start = monotonicNow();
  await session.flush();
  const roundTripMs = monotonicNow() - start;
  const { nats, connectTimeoutMs } = resolved.value;
  const subject = serviceSubject(address.value, resolved.value);
  const presence = await askService(session, subject, nats.inboxPrefix, connectTimeoutMs);
  const facts = session.serverFacts;
  lease.value.release();
  // The NATS connection has ended meanwhile, so the state of the service is unknown.
  if (!presence.ok && presence.error.code === 'TransportUnavailable') return presence;
  return { ok: true, value: { ...facts, roundTripMs, subject, presence } };
}
