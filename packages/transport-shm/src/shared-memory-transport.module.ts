import { TRANSPORT, type TransportModule } from '@entropynet/core';
import { SharedMemoryTransport } from './shared-memory-transport.js';

/** Registers the shared-memory transport: pass it to `createNetworking`, beside the modules of other transports. */
export const sharedMemoryTransportModule: TransportModule = {
  id: Symbol('@entropynet/transport-shm'),
  load: ({ bind }) => {
    bind(TRANSPORT).toConstantValue(new SharedMemoryTransport());
  },
};
