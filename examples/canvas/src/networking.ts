import { readFileSync } from 'node:fs';
import type { ConnectionConfig } from '@entropynet/core';
import { type ConnectionHandle, type ConnectionManager, createNetworking } from '@entropynet/manager';
import { natsTransportModule } from '@entropynet/transport-nats';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { tellMain } from './messages.js';

/**
 * Runs the program of a child process with a manager that knows every transport, and with the configuration from the
 * file that the command line names. The main process gets each failure as one sentence.
 */
export async function runWithNetworking(
  work: (manager: ConnectionManager, config: ConnectionConfig) => Promise<void>,
): Promise<void> {
  // A terminal sends Ctrl-C to all three processes; the main process decides what becomes of the other two.
  process.on('SIGINT', () => undefined);
  // Without the main process there is nobody to work for.
  const onOrphaned = (): void => process.exit(1);
  process.once('disconnect', onOrphaned);
  try {
    await runWork(work);
  } catch (error) {
    fail(error);
  }
  process.off('disconnect', onOrphaned);
  if (process.connected) process.disconnect();
}

async function runWork(work: Parameters<typeof runWithNetworking>[0]): Promise<void> {
  const config = JSON.parse(readFileSync(process.argv[2] ?? 'canvas.json', 'utf8')) as ConnectionConfig;
  // Closes every server and connection of the manager at the end of this function, after what was sent has gone out.
  await using networking = await createNetworking({
    transports: [sharedMemoryTransportModule, webSocketTransportModule, natsTransportModule],
    config,
    // The closing table tells which transport was taken and why.
    log: () => undefined,
  });
  try {
    await work(networking.manager, config);
  } catch (error) {
    // Before closing: the peer will complain of that, and the cause is to be known first.
    fail(error);
  }
}

function fail(error: unknown): void {
  tellMain({ kind: 'failed', reason: (error as Partial<Error> | null | undefined)?.message ?? String(error) });
  process.exitCode = 1;
}

/** Rejects when the connection ends, or when a callback throws: to race against work that needs it. */
export function endOf(handle: ConnectionHandle, peer: string): Promise<never> {
  return new Promise((_resolve, reject) => {
    handle.on('state', (state, error) => {
      if (state === 'failed') reject(new Error(`the connection to the ${peer} failed: ${error?.message ?? state}`));
      if (state === 'disconnected') reject(new Error(`the ${peer} left before the work was done`));
    });
    handle.on('error', reject);
  });
}
