import type { TransportFixture } from '@entropynet/conformance';
import { NatsTransport } from '@entropynet/transport-nats';
import { freshName } from '../fresh-name.js';
import { NatsServer, natsUnavailable } from './nats-server.js';

/** NATS on this machine, with a separate server for each chapter. */
export function natsFixture(): TransportFixture {
  let server: NatsServer | undefined;
  return {
    createTransport: () => new NatsTransport(),
    freshConfig: () => ({
      endpoint: `nats://${server?.host ?? 'not-started'}/${freshName()}`,
      // The next question shows the death of a peer.
      nats: { heartbeat: { intervalMs: 100 } },
    }),
    clientConfig: (config, address) => ({ ...config, endpoint: address }),
    peerModule: { specifier: '@entropynet/transport-nats', className: 'NatsTransport' },
    mediumOf: (bytes) => ({ nats: { windowBytes: bytes } }),
    quickDetection: { nats: { heartbeat: { intervalMs: 50, timeoutMs: 30_000 } } },
    prepare: async () => {
      server = await NatsServer.start();
    },
    dispose: () => server?.stop() ?? Promise.resolve(),
    unavailableReason: () => Promise.resolve(natsUnavailable),
  };
}
