import { TRANSPORT, type TransportModule } from '@entropynet/core';
import { NatsTransport } from './nats-transport.js';

/** The module that registers the NATS transport. Pass it to `createNetworking`. */
export const natsTransportModule: TransportModule = {
  id: Symbol('@entropynet/transport-nats'),
  load: ({ bind }) => {
    bind(TRANSPORT).toConstantValue(new NatsTransport());
  },
};
