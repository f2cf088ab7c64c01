/**
 * EntropyNet over NATS; `docs/nats-protocol.md` describes what travels.
 *
 * @packageDocumentation
 */
export type { ServicePresence } from './ask-service.js';
export { type InspectedNatsService, inspectNatsService } from './inspect-service.js';
export { NatsConnection } from './nats-connection.js';
export { NatsConnectionServer } from './nats-server.js';
export type {
  NatsConfig,
  NatsHeartbeatConfig,
  NatsHeartbeatOptions,
  NatsOptions,
  NatsTlsConfig,
  NatsTlsOptions,
} from './nats-options.js';
export { MAX_FRAME_BYTES, NATS_PROTOCOL_VERSION } from './nats-protocol.js';
export { NatsTransport } from './nats-transport.js';
export { natsTransportModule } from './nats-transport.module.js';
