import { readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { type ConnectionConfig, unwrap } from '@entropynet/core';
import { createNetworking } from '@entropynet/manager';
import { natsTransportModule } from '@entropynet/transport-nats';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { Random } from './random.js';
import type { Sample } from './growth.js';
import { Session, type SessionTotals } from './session.js';
import type { SessionEnd } from './session-pairs.js';

/** The orders of the supervisor for a process. */
export interface ActorTask {
  readonly role: 'server' | 'client';
  readonly seed: number;
  /** A server's endpoints, or those of all servers. */
  readonly configs: readonly ConnectionConfig[];
}

/** The regular report of a process. */
export interface ActorReport extends SessionTotals, Sample {
  readonly sessions: number;
  readonly refused: number;
  readonly complaints: readonly string[];
  readonly active: number;
  /** The sessions that ended since the report before. */
  readonly ends: readonly SessionEnd[];
}

const task = JSON.parse(process.argv[2]!) as ActorTask;
const random = new Random(task.seed);
const totals: SessionTotals = { sent: 0, received: 0, bytes: 0 };
const complaints: string[] = [];
const ends: SessionEnd[] = [];
let sessions = 0;
let refused = 0;
let isOver = false;
let timer: NodeJS.Timeout | undefined;
const transports = [sharedMemoryTransportModule, webSocketTransportModule, natsTransportModule];
const { manager } = await createNetworking({ transports, log: () => undefined });

function report(): void {
  globalThis.gc?.();
  process.send?.({
    ...totals,
    sessions,
    refused,
    complaints: complaints.splice(0),
    active: manager.activeCount(),
    ends: ends.splice(0),
    resident: process.memoryUsage.rss(),
    heap: process.memoryUsage().heapUsed,
    descriptors: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0,
  } satisfies ActorReport);
}

/** Reports that it has started. Further reports follow. */
function begin(): void {
  process.send?.('listening');
  timer = setInterval(report, 500);
}

function complain(text: string): void {
  if (complaints.length < 100) complaints.push(`${task.role} (seed ${task.seed}): ${text}`);
}

/** Serves every client until the order to stop. */
async function serve(): Promise<void> {
  const [config] = task.configs;
  const server = unwrap(manager.createServer(config));
  unwrap(await server.listen());
  begin();
  const running = new Set<Promise<void>>();
  process.on('message', () => {
    isOver = true;
    void server.close();
  });
  for await (const handle of server) {
    sessions += 1;
    const session = new Session(handle, random, totals, complain);
    const over = session.run(random.below(3000), random.once(3)).then((end) => {
      ends.push(end);
      running.delete(over);
    });
    running.add(over);
  }
  await Promise.all(running);
}

/** One connection after the other, to any server, over any transport. */
async function visit(): Promise<void> {
  process.on('message', () => {
    isOver = true;
  });
  begin();
  while (!isOver) {
    const handle = unwrap(manager.openConnection(random.pick(task.configs)));
    const connected = await handle.connect();
    if (!connected.ok) {
      refused += 1;
      await handle.close();
      await pause(20);
      continue;
    }
    sessions += 1;
    ends.push(await new Session(handle, random, totals, complain).run(random.below(3000), random.once(2)));
    // From time to time it computes and answers nobody.
    if (random.once(10)) for (const end = performance.now() + random.below(400); performance.now() < end;);
  }
}

process.on('disconnect', () => process.exit(0));
await (task.role === 'server' ? serve() : visit());
clearInterval(timer);
if (manager.activeCount() > 0) complain(`${manager.activeCount()} connections stand behind the last session`);
await manager.closeAll();
report();
process.disconnect();
