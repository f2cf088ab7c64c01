import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConnectionBackend } from '@entropynet/core';
import type { SharedMemoryConfig } from '@entropynet/transport-shm';
import type { TransportFixture } from '@entropynet/conformance';
import { SharedMemoryTransport } from '@entropynet/transport-shm';
import { freshName } from './fresh-name.js';
import { namesIn } from './shared-memory/names-in.js';

/** Shared memory in a separate directory. `how` sets the access and the way to wait of both ends. */
export function sharedMemoryFixture(how: Partial<Pick<SharedMemoryConfig, 'access' | 'wait'>> = {}): TransportFixture {
  const directory = mkdtempSync(join(tmpdir(), 'entropynet-'));
  return {
    createTransport: () => new SharedMemoryTransport(),
    freshConfig: () => ({
      endpoint: freshName(),
      backend: ConnectionBackend.SharedMemory,
      sharedMemory: { directory, ...how },
    }),
    // A client uses the name itself. The address of the server is the same name with its scheme.
    clientConfig: (config) => config,
    peerModule: { specifier: '@entropynet/transport-shm', className: 'SharedMemoryTransport' },
    absenceCode: 'TransportUnavailable',
    mediumOf: (bytes) => ({ sharedMemory: { regionSize: bytes } }),
    quickDetection: { sharedMemory: { unresponsiveAfterMs: 100 } },
    leftovers: () => Promise.resolve(namesIn(directory)),
    dispose: () => rm(directory, { recursive: true, force: true }),
    unavailableReason: async () => {
      const server = new SharedMemoryTransport().createServer({ endpoint: freshName(), sharedMemory: { directory } });
      const listening = await server.listen();
      await server.close();
      return listening.ok ? undefined : listening.error.message;
    },
  };
}
