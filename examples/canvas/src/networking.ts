import { readFileSync } from 'node:fs';
import type { ConnectionConfig } from '@entropynet/core';
import { createNetworking, type Networking } from '@entropynet/manager';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';

/** A manager with both transports, and the configuration from the file that the command line names. */
export async function startNetworking(): Promise<{ networking: Networking; config: ConnectionConfig }> {
  const config = JSON.parse(readFileSync(process.argv[2] ?? 'canvas.json', 'utf8')) as ConnectionConfig;
  const networking = await createNetworking({
    transports: [sharedMemoryTransportModule, webSocketTransportModule],
    config,
    // The closing table tells which transport was taken and why.
    log: () => undefined,
  });
  return { networking, config };
}
