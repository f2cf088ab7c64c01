import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConnectionConfig } from '@entropynet/core';

/** What the broker process tells. */
export type FromBroker =
  { readonly kind: 'ready'; readonly port: number } | { readonly kind: 'failed'; readonly reason: string };

/** A NATS server of this program alone. */
export interface NatsBroker {
  /** What a configuration needs to use it, besides its other endpoints. */
  readonly config: { readonly endpoint: string; readonly nats: NonNullable<ConnectionConfig['nats']> };
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

/**
 * Starts a NATS server on a free port of this machine. It lets in clients with a fresh token only, which no command line
 * shows.
 */
export async function startNatsBroker(signal: AbortSignal): Promise<NatsBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-canvas-nats-'));
  const token = randomBytes(16).toString('hex');
  const file = join(folder, 'nats.conf');
  writeFileSync(file, `listen: "127.0.0.1:-1"\nauthorization { token: "${token}" }\n`, { mode: 0o600 });
  const broker = fork(fileURLToPath(new URL('./broker.js', import.meta.url)), [file], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = once(broker, 'exit');
  const stop = async (): Promise<void> => {
    // The broker process takes its NATS server along.
    if (broker.connected) broker.disconnect();
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const port = await new Promise<number>((resolve, reject) => {
      broker.on('message', (message: FromBroker) => {
        if (message.kind === 'ready') resolve(message.port);
        else reject(new Error(`${message.reason}.`));
      });
      broker.once('error', reject);
      broker.once('exit', () => reject(new Error('The broker process ended early.')));
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    return { config: { endpoint: `nats://127.0.0.1:${port}/canvas`, nats: { token } }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
