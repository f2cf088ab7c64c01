/** `npm run example -- worker-pool`: tasks for several processes, one of which dies in the middle of a task. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConnectionConfig } from '@entropynet/core';
import { createNetworking } from '@entropynet/manager';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { type Arguments, readArguments } from './arguments.js';
import { Pool } from './pool.js';
import { countPrimes } from './task.js';

const EXIT_WRONG_ARGUMENTS = 2;
const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
/** The first worker dies in the middle of this one of its tasks. */
const DYING_AT = 3;
const LIMIT = 100_000;

const { counts, backend } = fromCommandLine();
const folder = mkdtempSync(join(tmpdir(), 'entropynet-pool-'));
const children = new Set<ChildProcess>();
let onUnable: (reason: Error) => void = () => undefined;
/** Rejects when a worker could not even connect: another one would not be able to, either. */
const unable = new Promise<never>((_resolve, reject) => {
  onUnable = reject;
});
try {
  await work();
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

async function work(): Promise<void> {
  const { workers, tasks } = counts;
  await using networking = await createNetworking({
    transports: [sharedMemoryTransportModule, webSocketTransportModule],
    log: () => undefined,
  });
  const config: ConnectionConfig = {
    endpoint: 'pool',
    fallback: ['ws://127.0.0.1:0/pool'],
    backend,
    sharedMemory: { directory: join(folder, 'run') },
  };
  let lost = 0;
  const pool = new Pool(networking.manager, config, () => {
    lost += 1;
    startWorker(workerConfig, 0);
  });
  // The same configuration, with the port that the system gave.
  const workerConfig: ConnectionConfig = { ...config, fallback: await pool.listen() };
  for (let worker = 0; worker < workers; worker += 1) startWorker(workerConfig, worker === 0 ? DYING_AT : 0);
  // So that the first one gets its tasks before the others have done them all.
  await Promise.race([pool.ready(workers), unable]);

  const limits = Array.from({ length: tasks }, (_unused, index) => LIMIT + index);
  const answers = await Promise.race([Promise.all(limits.map((limit) => pool.run(limit))), unable]);
  await pool.close();

  const wrong = answers.filter((answer, index) => answer !== countPrimes(limits[index] ?? 0)).length;
  print('tasks answered', `${answers.length} of ${tasks}`);
  print('wrong answers', wrong);
  print('workers that died', lost);
  print('tasks given to another worker', pool.givenAgain > 0 ? 'yes' : 'no');
  if (wrong > 0) process.exitCode = 1;
}

function startWorker(config: ConnectionConfig, dyingAt: number): void {
  const child = fork(WORKER, [JSON.stringify(config), String(dyingAt)]);
  children.add(child);
  child.once('exit', (code) => {
    children.delete(child);
    if (code !== null && code !== 0) onUnable(new Error(`a worker ended with status ${code}`));
  });
}

function fromCommandLine(): Arguments<'workers' | 'tasks'> {
  try {
    return readArguments(process.argv.slice(2), { workers: 3, tasks: 200 });
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(EXIT_WRONG_ARGUMENTS);
  }
}

function print(what: string, value: number | string): void {
  console.log(`${what.padEnd(34)}${value}`);
}
