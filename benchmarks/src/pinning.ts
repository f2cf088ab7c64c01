import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';

const THREADS = '/proc/self/task';

/** Whether processes can be pinned to processors here. */
export const canPin = cpus().length > 1 && spawnSync('taskset', ['--version']).status === 0;

/** Keeps a process, with its threads, on one processor; without effect where that can't be done. */
export function pinProcess(processId: number, processor: number): void {
  if (canPin) taskset('-a', processor, processId);
}

/** Keeps the threads that this process starts during `work` on one processor; without effect where that can't be done. */
export async function pinNewThreads(processor: number, work: () => Promise<unknown>): Promise<void> {
  const before = new Set(canPin ? readdirSync(THREADS) : []);
  await work();
  for (const thread of canPin ? readdirSync(THREADS) : []) {
    if (!before.has(thread)) taskset('', processor, Number(thread));
  }
}

function taskset(option: string, processor: number, id: number): void {
  spawnSync('taskset', [...(option === '' ? [] : [option]), '-p', '-c', String(processor % cpus().length), String(id)]);
}
