import {
  createNetworking as createWithTransports,
  type Networking,
  type NetworkingOptions as WithTransports,
} from '@entropynet/manager';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';

/** The options of `createNetworking`. Each of them has a default. */
export interface NetworkingOptions extends Partial<WithTransports> {
  /** One module for each transport. @default shared memory and WebSocket */
  readonly transports?: WithTransports['transports'];
}

/**
 * Creates a manager with both built-in transports: shared memory for peers on this machine, WebSocket for all others.
 * Rejects with a `NetworkError` (`InvalidParameter`) that names the fault in the options or the configuration.
 */
export function createNetworking(options: NetworkingOptions = {}): Promise<Networking> {
  return createWithTransports({ transports: [sharedMemoryTransportModule, webSocketTransportModule], ...options });
}
