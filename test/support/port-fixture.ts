import type { TransportFixture } from '@entropynet/conformance';
import { PortTransport } from '@entropynet/example-custom-transport';
import { freshName } from './fresh-name.js';

/** The transport that `docs/writing-a-transport.md` shows. */
export const portFixture: TransportFixture = {
  createTransport: () => new PortTransport(),
  freshConfig: () => ({ endpoint: `port://${freshName()}` }),
  clientConfig: (config, address) => ({ ...config, endpoint: address }),
  mediumOf: (bytes) => ({ port: { maxInFlightBytes: bytes } }),
  peerModule: { specifier: '@entropynet/example-custom-transport', className: 'PortTransport' },
};
