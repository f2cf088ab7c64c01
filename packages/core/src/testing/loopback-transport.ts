import type { ConnectionConfig, ServerConfig } from '../config/connection-config.js';
import { ConnectionType } from '../api/connection-types.js';
import type { NetworkConnection } from '../lifecycle/network-connection.js';
import type { ConnectionServer } from '../api/connection-server.js';
import type { Transport, TransportCapabilities, TransportProbe } from '../api/transport.js';
import { LOOPBACK_BACKEND, LoopbackConnection } from './loopback-connection.js';
import { findLoopbackServer, loopbackNameOf, shownLoopbackNameOf } from './loopback-registry.js';
import { LoopbackServer } from './loopback-server.js';

const CAPABILITIES: TransportCapabilities = Object.freeze({
  unreliable: false,
  zeroCopy: false,
  crossProcess: false,
  detectsPeerDeath: false,
  detectsUnresponsive: false,
});

/** The reference implementation of a transport, with both sides in one process. Use it in tests, and as an example. */
export class LoopbackTransport implements Transport {
  readonly backend = LOOPBACK_BACKEND;
  readonly schemes = ['loopback'];
  readonly connectionType = ConnectionType.Local;
  readonly capabilities = CAPABILITIES;

  probe(config: ConnectionConfig): Promise<TransportProbe> {
    const { endpoint } = config;
    if (findLoopbackServer(loopbackNameOf(endpoint)) !== undefined) return Promise.resolve({ available: true });
    const shown = shownLoopbackNameOf(endpoint);
    return Promise.resolve({ available: false, reason: `no loopback server named '${shown}' listens in this process` });
  }

  createConnection(config: ConnectionConfig): NetworkConnection {
    return new LoopbackConnection(config);
  }

  createServer(config: ServerConfig): ConnectionServer {
    return new LoopbackServer(config);
  }
}
