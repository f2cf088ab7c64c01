import type { TransportFixture } from '@entropynet/conformance';
import { webSocketFixture } from './web-socket-fixture.js';
import { PlatformWebSocketTransport } from './platform-web-socket-transport.js';

/** The client for pages, run by Node.js, with the servers of `ws`. */
export const platformWebSocketFixture: TransportFixture = {
  ...webSocketFixture,
  createTransport: () => new PlatformWebSocketTransport(),
  peerModule: {
    specifier: new URL('platform-web-socket-transport.js', import.meta.url).href,
    className: 'PlatformWebSocketTransport',
  },
};
