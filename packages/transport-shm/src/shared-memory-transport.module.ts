import { TRANSPORT } from '@entropynet/core';
import { ContainerModule } from 'inversify';
import { SharedMemoryTransport } from './shared-memory-transport.js';

/** Registers the shared-memory transport: pass it to `createNetworking` or load it into a container. */
export const sharedMemoryTransportModule = new ContainerModule(({ bind }) => {
  bind(TRANSPORT).toConstantValue(new SharedMemoryTransport());
});
