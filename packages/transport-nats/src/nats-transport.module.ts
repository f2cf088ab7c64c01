import { TRANSPORT, type TransportModule } from '@entropynet/core';
import { NatsTransport } from './nats-transport.js';

/** Registers the NATS transport: pass it to `createNetworking`, beside the modules of other transports. */
export const natsTransportModule: TransportModule = {
  id: Symbol('@entropynet/transport-nats'),
  load: ({ bind }) => {
    bind(TRANSPORT).toConstantValue(new NatsTransport());
  },
};
