import type { TransportFixture } from '@entropynet/conformance';
import { WebSocketTransport } from '@entropynet/transport-ws/browser';

/** The client in a page; its servers are processes of Node.js. */
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
