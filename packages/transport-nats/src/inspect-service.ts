import { type ConnectionConfig, resolveOwnConfig, type Result } from '@entropynet/core';
import { monotonicNow } from '@entropynet/core/platform';
import { askService, type ServicePresence } from './ask-service.js';
import { parseNatsAddress, serviceSubject } from './nats-address.js';
import { natsSection } from './nats-options.js';
import { Lane } from './nats-protocol.js';
import { leaseSession } from './session-pool.js';

/** What a NATS server says of itself, and whether anybody serves a service. */
export interface InspectedNatsService {
  /** The version of the NATS server. */
  readonly version: string;
  /** The name of its cluster; undefined where it belongs to none. */
  readonly cluster: string | undefined;
  /** The longest message that it takes, in bytes. Longer ones of a connection travel in parts. */
  readonly maxPayload: number;
  /** Whether it lets nobody in without credentials. */
  readonly needsCredentials: boolean;
  /** How long it took to answer a ping, in milliseconds. */
  readonly roundTripMs: number;
  /** The subject on which the servers of the service are asked. */
  readonly subject: string;
  /** Whether a server of the service is there; an error where one is subscribed and does not answer, or a subject is forbidden. */
  readonly presence: Result<ServicePresence>;
}

/**
 * Asks the NATS server of an endpoint, and through it the servers of the service, without connecting to one of them.
 * `TransportUnavailable` or `Timeout`: the NATS server can't be reached; `HandshakeFailed`: it refuses the credentials, or its
 * certificate is refused; `InvalidParameter`: a wrong configuration.
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
  return { ok: true, value: { ...facts, roundTripMs, subject, presence } };
}
