import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';

/** Whether processes can be pinned to processors here. */
export const canPin = cpus().length > 1 && spawnSync('taskset', ['--version']).status === 0;

/** Keeps a process, with its threads, on one processor; without effect where that can't be done. */
export function pinProcess(processId: number, processor: number): void {
  if (canPin) spawnSync('taskset', ['-a', '-p', '-c', String(processor % cpus().length), String(processId)]);
}
