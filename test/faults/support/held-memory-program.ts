import { unwrap } from '@entropynet/core';
import { SharedMemoryConnection, SharedMemoryServer } from '@entropynet/transport-shm';
import { pbkdf2, randomFill } from 'node:crypto';
import { openSync, read, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** The operation of a program on a claim while the connection ends. */
export interface HeldMemoryTask {
  readonly directory: string;
  readonly access: 'direct' | 'copied';
  readonly operation: 'read' | 'randomFill';
  readonly ending: 'peer' | 'disconnect' | 'exit' | 'terminate';
}

const CLAIMED_BYTES = 100_000;
const MARK = 0x5a;
/** Long enough: the connection ends, and another one begins, before the thread pool starts the operation. */
const BUSY_ROUNDS = 100_000;

async function connectedPair(task: HeldMemoryTask, server: SharedMemoryServer) {
  const client = new SharedMemoryConnection('held', {
    sharedMemory: { directory: task.directory, access: task.access },
  });
  unwrap(await client.connect());
  const accepted = unwrap(await server.accept());
  accepted.startReceiving();
  return { client, accepted };
}

/** Resolves with the error of the operation, after the only thread of the pool has run it. */
function workOn(task: HeldMemoryTask, bytes: Uint8Array): Promise<Error | null> {
  pbkdf2('password', 'salt', BUSY_ROUNDS, 64, 'sha512', () => undefined);
  return new Promise((resolve) => {
    if (task.operation === 'randomFill') {
      randomFill(bytes, resolve);
      return;
    }
    const path = join(task.directory, 'marked');
    writeFileSync(path, Buffer.alloc(CLAIMED_BYTES, MARK));
    read(openSync(path, 'r'), bytes, 0, CLAIMED_BYTES, 0, resolve);
  });
}

async function run(task: HeldMemoryTask): Promise<void> {
  const server = new SharedMemoryServer({
    endpoint: 'held',
    sharedMemory: { directory: task.directory, access: task.access },
  });
  unwrap(await server.listen());
  const { client, accepted } = await connectedPair(task, server);
  const claim = unwrap(client.claim(CLAIMED_BYTES));
  const ended = new Promise((resolve) => {
    client.on('state', (state) => {
      if (state === 'disconnected') resolve(state);
    });
  });
  const working = workOn(task, claim.bytes);
  switch (task.ending) {
    case 'exit':
      process.exit();
      break;
    case 'terminate':
      parentPort!.postMessage('working');
      await working;
      return;
    case 'peer':
      await accepted.disconnect();
      await ended;
      break;
    case 'disconnect':
      await client.disconnect();
      await accepted.disconnect();
      break;
  }
  globalThis.gc?.();
  // Another region, of the same size: it must not get the addresses that the operation holds.
  const other = await connectedPair(task, server);
  const views = [unwrap(other.client.claim(CLAIMED_BYTES)).bytes, unwrap(other.accepted.claim(CLAIMED_BYTES)).bytes];
  const regions = views.map((view) => new Uint8Array(view.buffer));
  const before = regions.map((region) => region.slice());
  const error = await working;
  const changed = regions.some(
    (region, index) => Buffer.compare(region.subarray(256), before[index]!.subarray(256)) !== 0,
  );
  const committed = claim.commit();
  process.stdout.write(
    JSON.stringify({ error, length: claim.bytes.length, changed, code: committed.ok ? 'ok' : committed.error.code }),
  );
  process.exit();
}

const given = isMainThread ? (JSON.parse(process.argv[2]!) as HeldMemoryTask) : (workerData as HeldMemoryTask);
if (given.ending === 'terminate' && isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: given });
  await new Promise((resolve) => worker.once('message', resolve));
  await worker.terminate();
} else await run(given);
