import { TRANSPORT, type TransportModule } from '@entropynet/core';
import { SharedMemoryTransport } from './shared-memory-transport.js';

/** The module that registers the shared-memory transport. Pass it to `createNetworking`. */
export const sharedMemoryTransportModule: TransportModule = {
  id: Symbol('@entropynet/transport-shm'),
  load: ({ bind }) => {
    bind(TRANSPORT).toConstantValue(new SharedMemoryTransport());
  },
};
