import {
  type ConnectionConfig,
  type ConnectionServer,
  ConnectionType,
  type NetworkConnection,
  NetworkError,
  OK,
  type OptionsSchema,
  resolveOwnConfig,
  type Result,
  type ServerConfig,
  type Transport,
  type TransportCapabilities,
  type TransportProbe,
} from '@entropynet/core';
import { askService } from './ask-service.js';
import { parseNatsAddress, serviceSubject, shownAddress } from './nats-address.js';
import { NATS_BACKEND, NatsConnection } from './nats-connection.js';
import { natsSection } from './nats-options.js';
import { Lane } from './nats-protocol.js';
import { NatsConnectionServer } from './nats-server.js';
import { leaseSession } from './session-pool.js';

const CAPABILITIES: TransportCapabilities = Object.freeze({
  unreliable: false,
  zeroCopy: false,
  crossProcess: true,
  detectsPeerDeath: true,
  detectsUnresponsive: true,
});

/** The transport for connections over NATS, between all machines that reach its servers. */
export class NatsTransport implements Transport {
  readonly backend = NATS_BACKEND;
  readonly schemes: readonly string[] = ['nats'];
  readonly connectionType = ConnectionType.Remote;
  readonly capabilities = CAPABILITIES;
  readonly isProbedByConnecting = true;
  readonly preference = 0;
  readonly optionsKey = natsSection.optionsKey;
  readonly optionsSchema: OptionsSchema = natsSection.optionsSchema;

  /** Checks whether the endpoint is a NATS URL with a service. */
  checkEndpoint(endpoint: string): Result {
    const parsed = parseNatsAddress(endpoint);
    return parsed.ok ? OK : parsed;
  }

  /** Asks the NATS server, and through it the service. */
  async probe(config: ConnectionConfig): Promise<TransportProbe> {
    const resolved = resolveOwnConfig(config, natsSection);
    if (!resolved.ok) return unavailable(resolved.error);
    const address = parseNatsAddress(resolved.value.endpoint);
    if (!address.ok) return unavailable(address.error);
    const lease = await leaseSession(address.value, resolved.value, Lane.Prompt);
    if (!lease.ok) return unavailable(lease.error);
    const { nats, connectTimeoutMs } = resolved.value;
    const service = serviceSubject(address.value, resolved.value);
    const asked = await askService(lease.value.session, service, nats.inboxPrefix, connectTimeoutMs);
    lease.value.release();
    if (!asked.ok) return unavailable(asked.error);
    if (asked.value.isThere) return { available: true };
    const reason = `the NATS server is there, and no EntropyNet server listens at ${shownAddress(address.value)}`;
    return unavailable(new NetworkError('TransportUnavailable', reason));
  }

  createConnection(config: ConnectionConfig): NetworkConnection {
    return new NatsConnection(config);
  }

  createServer(config: ServerConfig): ConnectionServer {
    return new NatsConnectionServer(config);
  }
}

function unavailable(error: NetworkError): TransportProbe {
  return { available: false, reason: error.message, error };
}
