import type { TransportFixture } from '@entropynet/conformance';
import { WebSocketTransport } from '@entropynet/transport-ws';
import { freshName } from './fresh-name.js';

/** WebSocket on this machine, with a free port for each server. */
export const webSocketFixture: TransportFixture = {
  createTransport: () => new WebSocketTransport(),
  freshConfig: () => ({ endpoint: `ws://127.0.0.1:0/${freshName()}` }),
  clientConfig: (config, address) => ({ ...config, endpoint: address }),
  peerModule: { specifier: '@entropynet/transport-ws', className: 'WebSocketTransport' },
  mediumOf: (bytes) => ({ webSocket: { maxBufferedBytes: bytes } }),
  quickDetection: { webSocket: { heartbeat: { intervalMs: 50, timeoutMs: 30_000 } } },
};
