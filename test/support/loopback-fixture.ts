import type { TransportFixture } from '@entropynet/conformance';
import { LoopbackTransport } from '@entropynet/core/testing';
import { freshName } from './fresh-name.js';

/** The reference implementation. */
export const loopbackFixture: TransportFixture = {
  createTransport: () => new LoopbackTransport(),
  freshConfig: () => ({ endpoint: `loopback://${freshName()}` }),
  clientConfig: (config, address) => ({ ...config, endpoint: address }),
  peerModule: { specifier: '@entropynet/core/testing', className: 'LoopbackTransport' },
};
