import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { unwrap } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';
import { type Measurement, medianOf } from './measurement.js';
import { pinProcess } from './pinning.js';
import { MESSAGE_BYTES } from './subject.js';
import { configOf, start } from './subjects/entropynet.js';

const IDLE_MS = 2000;
const ROUND_TRIPS = 3000;
const MESSAGES = 500_000;
/** The first are left out: code is compiled then, and memory touched. */
const WARM_UP_RATES = 3;
const RATES = 5;

/** The requests to the process with the clients; it answers a `connect` with how long that took, in milliseconds. */
export type ConnectionsTask =
  | { readonly task: 'connect'; readonly endpoint: string; readonly folder: string; readonly count: number }
  | { readonly task: 'send-by-one' | 'send-by-all'; readonly messages: number };

/** Many connections into this process over shared memory: what each costs, and what one among many still does. */
export async function measureConnections(count: number): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-bench-'));
  const networking = await start();
  const client = fork(fileURLToPath(new URL('./connections-peer.js', import.meta.url)));
  if (client.pid !== undefined) pinProcess(client.pid, 1);
  try {
    const config = configOf({ wait: 'adaptive' }, 'many', folder);
    const server = unwrap(networking.manager.createServer(config));
    unwrap(await server.listen());
    const handles: ConnectionHandle[] = [];
    let received = 0;
    let whenReceived: (() => void) | undefined;
    let expected = Infinity;
    const before = ownResources();
    const connected = once(client, 'message');
    tell(client, { task: 'connect', endpoint: 'many', folder, count });
    while (handles.length < count) {
      const handle = unwrap(await server.accept());
      handle.setMessageCallback(() => {
        received += 1;
        if (received === expected) whenReceived?.();
      });
      handles.push(handle);
    }
    // The client's own clock: this process waited for it to start as well.
    const connectMs = Number(((await connected) as unknown[])[0]);
    const after = ownResources();

    const usage = process.cpuUsage();
    await pause(IDLE_MS);
    const { user, system } = process.cpuUsage(usage);

    const rate = async (task: 'send-by-one' | 'send-by-all'): Promise<number> => {
      received = 0;
      expected = MESSAGES;
      const done = new Promise<void>((resolve) => {
        whenReceived = resolve;
      });
      const sentAt = performance.now();
      tell(client, { task, messages: MESSAGES });
      await done;
      return (MESSAGES * 1000) / (performance.now() - sentAt);
    };
    const medianRate = async (task: 'send-by-one' | 'send-by-all'): Promise<number> => {
      const rates = [];
      for (let round = 0; round < WARM_UP_RATES + RATES; round += 1) rates.push(await rate(task));
      return medianOf(rates.slice(WARM_UP_RATES));
    };
    const figure = `${count} connections`;
    return [
      { figure, statistic: 'connects', unit: '/s', value: (count * 1000) / connectMs },
      { figure, statistic: 'rate of one', unit: '/s', value: await medianRate('send-by-one') },
      { figure, statistic: 'rate of all', unit: '/s', value: await medianRate('send-by-all') },
      { figure, statistic: 'round trip of one, p50', unit: 'µs', value: await roundTripOf(handles[0]) },
      { figure, statistic: 'resident memory each', unit: 'B', value: (after.memory - before.memory) / count },
      { figure, statistic: 'descriptors each', unit: 'count', value: (after.descriptors - before.descriptors) / count },
      { figure, statistic: 'more threads', unit: 'count', value: after.threads - before.threads },
      { figure, statistic: 'idle processor time', unit: '%', value: (user + system) / (IDLE_MS * 10) },
    ];
  } finally {
    client.kill();
    if (client.exitCode === null && client.signalCode === null) await once(client, 'exit');
    await networking.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function tell(client: ReturnType<typeof fork>, task: ConnectionsTask): void {
  client.send(task);
}

/** The median of round trips on one connection, in microseconds. */
async function roundTripOf(handle: ConnectionHandle | undefined): Promise<number> {
  if (handle === undefined) return Number.NaN;
  const samples = new Float64Array(ROUND_TRIPS);
  const message = new Uint8Array(MESSAGE_BYTES);
  await new Promise<void>((resolve) => {
    let done = 0;
    let sentAt = process.hrtime.bigint();
    handle.setMessageCallback(() => {
      samples[done] = Number(process.hrtime.bigint() - sentAt) / 1000;
      done += 1;
      if (done === ROUND_TRIPS) {
        resolve();
        return;
      }
      sentAt = process.hrtime.bigint();
      handle.trySend(message);
    });
    handle.trySend(message);
  });
  return samples.sort()[ROUND_TRIPS >>> 1] ?? Number.NaN;
}

function ownResources(): { memory: number; descriptors: number; threads: number } {
  globalThis.gc?.();
  const threads = /^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return {
    memory: process.memoryUsage.rss(),
    descriptors: readdirSync('/proc/self/fd').length,
    threads: Number(threads),
  };
}
