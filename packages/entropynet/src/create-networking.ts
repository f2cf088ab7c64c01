import {
  createNetworking as createWithTransports,
  type Networking,
  type NetworkingOptions as WithTransports,
} from '@entropynet/manager';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';

/** What `createNetworking` takes: nothing at all, if you like. */
export interface NetworkingOptions extends Partial<WithTransports> {
  /** One module a transport. @default shared memory and WebSocket */
  readonly transports?: WithTransports['transports'];
}

/**
 * The one-line start, with both transports: shared memory where both ends are on one machine, WebSocket elsewhere.
 * Rejects with a `NetworkError` (`InvalidParameter`) that names what is wrong in the configuration.
 */
export function createNetworking(options: NetworkingOptions = {}): Promise<Networking> {
  return createWithTransports({ transports: [sharedMemoryTransportModule, webSocketTransportModule], ...options });
}
