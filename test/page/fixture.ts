import type { TransportFixture } from '@entropynet/conformance';
import { NatsTransport } from '@entropynet/transport-nats';
import { WebSocketTransport } from '@entropynet/transport-ws/browser';

/** The client in a page. Its servers are processes of Node.js. */
export const pageFixture: TransportFixture = {
  createTransport: () => new WebSocketTransport(),
  freshConfig: () => ({
    endpoint: `ws://127.0.0.1:0/test-${crypto.randomUUID()}`,
    webSocket: { allowedOrigins: [location.origin] },
  }),
  clientConfig: (config, address) => ({ ...config, endpoint: address }),
  peerModule: { specifier: '@entropynet/transport-ws', className: 'WebSocketTransport' },
  mediumOf: (bytes) => ({ webSocket: { maxBufferedBytes: bytes } }),
  isClientOnly: true,
};

/** The client in a page over NATS. The query of the page's address has the ports of the NATS server. */
export function natsPageFixture(query: URLSearchParams): TransportFixture {
  const [tcpPort, webSocketPort] = [query.get('nats'), query.get('natsWebSocket')];
  return {
    createTransport: () => new NatsTransport(),
    freshConfig: () => ({
      endpoint: `nats://127.0.0.1:${tcpPort ?? ''}/test-${crypto.randomUUID()}`,
      // The next question shows the death of a peer.
      nats: { heartbeat: { intervalMs: 100 } },
    }),
    // The servers use the NATS server's TCP port, the page its WebSocket port.
    clientConfig: (config, address) => ({
      ...config,
      endpoint: address.replace(`:${tcpPort ?? ''}/`, `:${webSocketPort ?? ''}/`),
    }),
    peerModule: { specifier: '@entropynet/transport-nats', className: 'NatsTransport' },
    mediumOf: (bytes) => ({ nats: { windowBytes: bytes } }),
    quickDetection: { nats: { heartbeat: { intervalMs: 50, timeoutMs: 30_000 } } },
    isClientOnly: true,
    unavailableReason: () => Promise.resolve(query.get('natsMissing') ?? undefined),
  };
}
