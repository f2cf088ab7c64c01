import {
  type ConnectionConfig,
  type ConnectionServer,
  ConnectionType,
  type NetworkConnection,
  type OptionsSchema,
  resolveOwnConfig,
  type ServerConfig,
  type Transport,
  type TransportCapabilities,
  type TransportProbe,
} from '@entropynet/core';
import { sharedMemorySection } from './shared-memory-options.js';
import { findServer } from './discovery/find-server.js';
import { SHARED_MEMORY_BACKEND, SharedMemoryConnection } from './shared-memory-connection.js';
import { SharedMemoryServer } from './shared-memory-server.js';

const CAPABILITIES: TransportCapabilities = Object.freeze({
  unreliable: false,
  zeroCopy: true,
  crossProcess: true,
  detectsPeerDeath: true,
  detectsUnresponsive: true,
});

/** The transport for connections through memory that two processes of one machine share. */
export class SharedMemoryTransport implements Transport {
  readonly backend = SHARED_MEMORY_BACKEND;
  readonly schemes = ['shm'];
  readonly connectionType = ConnectionType.Local;
  readonly capabilities = CAPABILITIES;
  readonly preference = 100;
  readonly isProbedByConnecting = true;
  readonly optionsKey = sharedMemorySection.optionsKey;
  readonly optionsSchema: OptionsSchema = sharedMemorySection.optionsSchema;

  /** Checks whether the addon loads and a server of that name exists. */
  probe(config: ConnectionConfig): Promise<TransportProbe> {
    const resolved = resolveOwnConfig(config, sharedMemorySection);
    const found = resolved.ok ? findServer(resolved.value) : resolved;
    if (found.ok) return Promise.resolve({ available: true });
    return Promise.resolve({ available: false, reason: found.error.message, error: found.error });
  }

  createConnection(config: ConnectionConfig): NetworkConnection {
    return new SharedMemoryConnection(config);
  }

  createServer(config: ServerConfig): ConnectionServer {
    return new SharedMemoryServer(config);
  }
}
