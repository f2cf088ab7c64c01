import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unwrap } from '@entropynet/core';
import { latencies, type Measurement } from './measurement.js';
import { pinProcess } from './pinning.js';
import { configOf, start, type WaitMode } from './subjects/entropynet.js';

/** The figure of messages that a program passes on. */
export const RELAYED = 'round trip 64 B, passed on twice';

/** The request to the process with both clients. It answers with the round trips, in microseconds. */
export interface RelayTask {
  readonly endpoint: string;
  readonly folder: string;
  readonly wait: WaitMode;
}

/**
 * Round trips through a program that passes messages on between two connections, as a hub does: each message comes on one
 * connection, and its answer on another one. Both clients are in one other process, so that two processors are enough.
 */
export async function measureRelay(wait: WaitMode): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-bench-'));
  const networking = await start();
  const clients = fork(fileURLToPath(new URL('./relay-peer.js', import.meta.url)));
  if (clients.pid !== undefined) pinProcess(clients.pid, 1);
  try {
    const task: RelayTask = { endpoint: 'relay', folder, wait };
    const server = unwrap(networking.manager.createServer(configOf({ wait }, task.endpoint, folder)));
    unwrap(await server.listen());
    const answered = once(clients, 'message');
    clients.send(task);
    const one = unwrap(await server.accept());
    const other = unwrap(await server.accept());
    one.setMessageCallback((message) => {
      other.trySend(message);
    });
    other.setMessageCallback((message) => {
      one.trySend(message);
    });
    const [roundTrips] = (await answered) as [number[]];
    return latencies(RELAYED, Float64Array.from(roundTrips));
  } finally {
    clients.kill();
    if (clients.exitCode === null && clients.signalCode === null) await once(clients, 'exit');
    await networking.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
